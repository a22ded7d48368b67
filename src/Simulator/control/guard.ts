import * as Digest from "effect/crypto/Digest"
import * as Mac from "effect/crypto/Mac"
import * as Effect from "effect/Effect"
import type { Headers } from "effect/http/Headers"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Refusal } from "../Refusal.ts"

const isLoopback = (address: string): boolean =>
  /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|\[?::1\]?|localhost)$/u.test(address)

/** The host name of a `Host` header, without its port. */
const hostnameOf = (host: string | undefined): string => URL.parse(`http://${host ?? ""}`)?.hostname ?? ""

const utf8 = new TextEncoder()

const bearer = ({ authorization = "" }: Headers): string =>
  authorization.startsWith("Bearer ") ? authorization.slice("Bearer ".length) : ""

/**
 * What a request must have before it is read.
 *
 * Without a key only this machine controls the simulator. A page of another site may be open in a browser on it, with a name
 * that resolves to this machine: its requests have the name in `Host`, or the site in `Origin`.
 */
export const make = (
  key: Redacted.Redacted | undefined
): Effect.Effect<(request: HttpServerRequest) => Effect.Effect<void, Refusal>, never, Digest.Digest> =>
  Effect.gen(function*() {
    const digest = yield* Digest.Digest
    // Digests have one length, which is what the comparison needs.
    const digestOf = (text: string) => digest.digest(Digest.sha256, utf8.encode(text))
    const expected = key === undefined ? undefined : yield* digestOf(Redacted.value(key))

    return Effect.fnUntraced(function*({ headers, remoteAddress }: HttpServerRequest) {
      const { host, origin } = headers
      if (expected === undefined) {
        const isNear = isLoopback(hostnameOf(host)) && isLoopback(Option.getOrElse(remoteAddress, () => "localhost"))
        if (!isNear) {
          return yield* new Refusal({
            reason: "HostRefused",
            message:
              "Without a key the simulator is controlled from its own machine only, as localhost, 127.0.0.1 or [::1]. " +
              "Give it a key to control it from elsewhere."
          })
        }
      }
      if (origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase()) {
        return yield* new Refusal({
          reason: "OriginRefused",
          message:
            "A page of another site cannot control the simulator. Use a page of its own, or a client that is no browser."
        })
      }
      if (expected !== undefined && !Mac.timingSafeEqual(yield* digestOf(bearer(headers)), expected)) {
        return yield* new Refusal({
          reason: "KeyRefused",
          message: "The key is missing or wrong. Send it in the header \"Authorization: Bearer KEY\"."
        })
      }
    })
  })
