import { type ArrivedRequest, idTypeOf, mayBeBoolean, textsIn } from "../ArrivedRequest.ts"
import * as Person from "../Person.ts"
import * as Reply from "../Reply.ts"
import { tenantOf } from "../Tokens.ts"
import { idOf } from "../User.ts"
import type { World } from "../World.ts"

const contactErrors = {
  40001: "param error",
  41012: "user id invalid error",
  41050: "no user authority error"
} as const

const failure = (code: keyof typeof contactErrors): Reply.Reply => Reply.json(400, { code, msg: contactErrors[code] })

/** Documented: with the country code outside of mainland China. */
const withoutCountryCode = (mobile: string) => mobile.replace(/^\+86(?=1\d{10}$)/, "")

/**
 * `POST /contact/v3/users/batch_get_id`. A row for each address, those of e-mails first; without an id if nobody is found.
 */
export const batchGetId = (request: ArrivedRequest<"app">, world: World): Reply.Reply => {
  const { json, operator } = request
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const emails = textsIn(json, "emails")
  const mobiles = textsIn(json, "mobiles")
  if (emails === undefined || mobiles === undefined || emails.length > 50 || mobiles.length > 50) {
    return Reply.refusal(400, 99992402, "field validation failed", request.logId, {
      field_violations: [{ field: "emails", description: "the max len is 50" }]
    })
  }
  const includeResigned = json?.["include_resigned"]
  if (emails.length + mobiles.length === 0 || !mayBeBoolean(includeResigned)) return failure(40001)

  const rowOf = (has: (person: Person.Person) => boolean) => {
    const found = world.people.find((person) =>
      has(person) && person.visible && person.user.tenant === operator.tenant
      && (includeResigned === true || person.status !== "resigned")
    )
    if (found !== undefined) return { user_id: idOf(found.user, idType), status: Person.statusToWire(found) }
    return world.behavior.unknownAddress === "empty" ? { user_id: "" } : {}
  }
  const echoed = (mobile: string) =>
    world.behavior.mobileEcho === "withCountryCode" && /^1\d{10}$/.test(mobile) ? `+86${mobile}` : mobile
  return Reply.success({
    user_list: [
      ...emails.map((email) => ({
        ...rowOf((person) => person.email?.toLowerCase() === email.toLowerCase()),
        email
      })),
      ...mobiles.map((mobile) => ({
        ...rowOf((person) =>
          person.mobile !== undefined && withoutCountryCode(person.mobile) === withoutCountryCode(mobile)
        ),
        mobile: echoed(mobile)
      }))
    ]
  })
}

/** `GET /contact/v3/users/:user_id`. */
export const getUser = (request: ArrivedRequest<"either", "user_id">, world: World): Reply.Reply => {
  const { operator, params } = request
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const user = world.directory.find(params.user_id, idType)
  if (user === undefined || user.tenant !== tenantOf(operator)) return failure(41012)
  const person = Person.of(world.people, user)
  if (!person.visible) return failure(41050)
  return Reply.success({
    user: {
      union_id: user.unionId,
      ...(world.behavior.userIdScope ? { user_id: user.userId } : {}),
      open_id: user.openId,
      name: user.name,
      en_name: user.name,
      email: person.email ?? "",
      mobile: person.mobile === undefined || person.mobile.startsWith("+")
        ? person.mobile ?? ""
        : `+86${person.mobile}`,
      status: Person.statusToWire(person)
    }
  })
}
