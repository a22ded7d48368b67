import * as Base64Url from "effect/encoding/Base64Url"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { App } from "./App.ts"
import * as Reply from "./Reply.ts"
import { makeStore } from "./Ring.ts"
import { same, type User } from "./User.ts"

/**
 * An access token that was issued in a reply. Times are in milliseconds since 1970.
 *
 * @stability unstable
 * @category models
 */
export interface TokenRecord {
  readonly kind: "tenant" | "app" | "user"
  readonly appId: string
  /** The key of the tenant where it is valid; `undefined` for the app token of a store app. */
  readonly tenant: string | undefined
  readonly value: Redacted.Redacted
  readonly issuedAt: number
  readonly expiresAt: number
  /** Whether it was invalidated before it expired. */
  readonly revoked: boolean
  /** How many requests were refused because of it. */
  readonly rejections: number
}

interface AppOperator {
  readonly _tag: "App"
  /** The key of the tenant in which it acts. */
  readonly tenant: string
}

interface UserOperator {
  readonly _tag: "User"
  readonly user: User
}

/**
 * The caller of an endpoint, by the token that the endpoint takes.
 *
 * @stability unstable
 * @category models
 */
export interface Operators {
  readonly none: undefined
  readonly app: AppOperator
  readonly user: UserOperator
  readonly either: AppOperator | UserOperator
}

export const tenantOf = (operator: Operators["either"]): string =>
  operator._tag === "App" ? operator.tenant : operator.user.tenant

/**
 * Which token an endpoint takes.
 *
 * @stability unstable
 * @category models
 */
export type TokenRule = keyof Operators

/** The kind of a request's token. */
export const TokenKind = Schema.Literals(["tenant", "app", "user", "malformed", "none"])

/**
 * The kind of a request's token. The kind of an unknown token follows from its prefix.
 *
 * @stability unstable
 * @category models
 */
export type TokenKind = typeof TokenKind.Type

/** OAuth v3 issues JWTs; the other endpoints issue short opaque tokens. */
export type Format = "opaque" | "jwt"

interface Issued extends Omit<TokenRecord, "value" | "revoked" | "rejections"> {
  readonly user: User | undefined
  readonly format: Format
  /** Whether it was issued in a reply, and not by the controls. */
  readonly requested: boolean
}

interface Entry extends Issued {
  readonly text: string
  revoked: boolean
  rejections: number
}

/** What a token check needs of a request. */
interface Bearer {
  readonly authorization: string | undefined
  readonly logId: string
  readonly now: number
}

type Authorize = {
  readonly [Rule in TokenRule]: (
    request: Bearer,
    /** The reply to a user token that is not accepted. Default: the gateway's. */
    invalidUserToken?: Reply.Reply
  ) => Operators[Rule] | Reply.Reply
}

// Feishu issues the same token again while it is valid for this long.
const reuseMillis = 30 * 60 * 1000

const prefix = { tenant: "t", app: "a", user: "u", refresh: "ur" } as const

/** The text of a token. It is counted, not random, so that tests are reproducible. */
export const textOf = (kind: keyof typeof prefix, serial: number, format: Format): string => {
  const id = `simulated${String(serial).padStart(8, "0")}`
  if (format === "opaque") return `${prefix[kind]}-${id}`
  // As long as documented, so that a header or a column that is too short shows in a test.
  const parts = [{ alg: "ES256", typ: "JWT" }, { jti: `${kind}-${id}`, pad: "simulated".repeat(100) }]
  return [...parts.map((part) => JSON.stringify(part)), `${kind}-${id}`].map(Base64Url.encode).join(".")
}

const bearer = (authorization: string | undefined): string | undefined =>
  authorization?.startsWith("Bearer ") === true ? authorization.slice("Bearer ".length) : undefined

const kindOfUnknown = (token: string): TokenKind => {
  if (token.startsWith("t-")) return "tenant"
  if (token.startsWith("a-")) return "app"
  return token.startsWith("u-") || token.startsWith("eyJ") ? "user" : "malformed"
}

const messages = {
  99991661: "Missing access token for authorization. Please make a request with token attached.",
  99991663: "Invalid access token for authorization. Please make a request with token attached.",
  99991668: "Invalid access token for authorization. Please make a request with token attached.",
  99991671: "Invalid access token for authorization: it must start with t- or u-.",
  99991677: "Authentication token expired. Please make a request with token attached."
} as const

const issuedTo = (app: App, kind: Issued["kind"], now: number, given: Partial<Issued> = {}): Issued => ({
  kind,
  appId: app.id,
  tenant: undefined,
  user: undefined,
  format: "opaque",
  issuedAt: now,
  expiresAt: now + app.tokenMillis,
  requested: true,
  ...given
})

export interface Tokens {
  readonly tenant: (app: App, tenant: string, now: number, format: Format) => Entry
  readonly app: (app: App, now: number) => Entry
  readonly user: (
    app: App,
    user: User,
    options: {
      readonly now: number
      readonly lifetimeMillis: number
      readonly format: Format
      readonly requested: boolean
    }
  ) => Entry
  /** The app whose token authorizes a request, if it is valid: that of a custom app is its tenant token. */
  readonly appOf: (request: Pick<Bearer, "authorization" | "now">) => string | undefined
  /** The app token with this text, if it is valid. */
  readonly findApp: (text: string, now: number) => { readonly appId: string } | undefined
  /** The app and tenant of a token, as a key for rate limits. */
  readonly ownerOf: (authorization: string | undefined) => string
  /** The open id of the user, or the id of the app, to whom a token was issued. */
  readonly operatorOf: (authorization: string | undefined) => string | undefined
  readonly kindOf: (authorization: string | undefined) => TokenKind
  /** The token checks of the gateway: each gives the operator, or the refusal of the token. */
  readonly authorize: Authorize
  /** Refuses a token, whether it is valid or not. */
  readonly reject: (request: Pick<Bearer, "authorization" | "logId">, status: number) => Reply.Reply
  readonly revoke: (authorization: string | undefined) => void
  readonly revokeTenantTokens: (tenant: string | undefined) => void
  readonly revokeUser: (user: User) => void
  readonly minted: () => ReadonlyArray<TokenRecord>
}

export const make = (length: number): Tokens => {
  const entries = makeStore<Entry>(length, ({ expiresAt, revoked }, now) => revoked || expiresAt <= now)
  /** The last token of each kind, app, tenant and format. */
  const latest = new Map<string, Entry>()
  let serial = 0

  const issue = (issued: Issued): Entry => {
    const text = textOf(issued.kind, ++serial, issued.format)
    const entry: Entry = { ...issued, text, revoked: false, rejections: 0 }
    entries.set(text, entry, issued.issuedAt)
    return entry
  }

  /** The latest token like this one while it is valid for half an hour, else this one. */
  const current = (wanted: Issued): Entry => {
    const like = JSON.stringify([wanted.kind, wanted.appId, wanted.tenant, wanted.format])
    const last = latest.get(like)
    if (last !== undefined && !last.revoked && last.expiresAt - wanted.issuedAt >= reuseMillis) return last
    const issued = issue(wanted)
    latest.set(like, issued)
    return issued
  }

  const find = (authorization: string | undefined): Entry | undefined => {
    const token = bearer(authorization)
    return token === undefined ? undefined : entries.get(token)
  }

  const isValid = (entry: Entry | undefined, now: number): entry is Entry =>
    entry !== undefined && !entry.revoked && entry.expiresAt > now

  const kindOf = (authorization: string | undefined): TokenKind => {
    const token = bearer(authorization)
    return token === undefined ? "none" : entries.get(token)?.kind ?? kindOfUnknown(token)
  }

  const revokeAll = (which: (entry: Entry) => boolean): void => {
    for (const entry of entries.values()) if (which(entry)) entry.revoked = true
  }

  const refuse = (
    { authorization, logId }: Pick<Bearer, "authorization" | "logId">,
    code: keyof typeof messages,
    status = 400
  ): Reply.Reply => {
    const entry = find(authorization)
    if (entry !== undefined) entry.rejections++
    return Reply.refusal(status, code, messages[code], logId)
  }

  const reject: Tokens["reject"] = (request, status) =>
    refuse(request, kindOf(request.authorization) === "user" ? 99991668 : 99991663, status)

  const either: Authorize["either"] = (request, invalidUserToken) => {
    const entry = find(request.authorization)
    switch (kindOf(request.authorization)) {
      case "none":
        return refuse(request, 99991661)
      case "app":
      case "malformed":
        return refuse(request, 99991671)
      case "tenant":
        return isValid(entry, request.now) && entry.tenant !== undefined
          ? { _tag: "App", tenant: entry.tenant }
          : refuse(request, 99991663)
      case "user": {
        if (isValid(entry, request.now) && entry.user !== undefined) return { _tag: "User", user: entry.user }
        const refusal = refuse(request, entry === undefined || entry.revoked ? 99991668 : 99991677)
        return invalidUserToken ?? refusal
      }
    }
  }

  return {
    tenant: (app, tenant, now, format) => current(issuedTo(app, "tenant", now, { tenant, format })),
    app: (app, now) => current(issuedTo(app, "app", now)),
    user: (app, user, { format, lifetimeMillis, now, requested }) =>
      issue(issuedTo(app, "user", now, {
        tenant: user.tenant,
        user,
        format,
        expiresAt: now + lifetimeMillis,
        requested
      })),
    appOf: ({ authorization, now }) => {
      const entry = find(authorization)
      return isValid(entry, now) && entry.kind !== "user" ? entry.appId : undefined
    },
    findApp: (text, now) => {
      const entry = entries.get(text)
      return isValid(entry, now) && entry.kind === "app" ? entry : undefined
    },
    ownerOf: (authorization) => {
      const entry = find(authorization)
      return `${entry?.appId} ${entry?.tenant}`
    },
    operatorOf: (authorization) => {
      const entry = find(authorization)
      return entry?.user?.openId ?? entry?.appId
    },
    kindOf,
    reject,
    authorize: {
      none: () => undefined,
      either,
      app: (request) => {
        const operator = either(request)
        return Reply.is(operator) || operator._tag === "App" ? operator : reject(request, 400)
      },
      user: (request, invalidUserToken) => {
        const operator = either(request, invalidUserToken)
        return Reply.is(operator) || operator._tag === "User" ? operator : reject(request, 400)
      }
    },
    revoke: (authorization) => {
      const entry = find(authorization)
      if (entry !== undefined) entry.revoked = true
    },
    revokeTenantTokens: (tenant) => {
      revokeAll((entry) => entry.kind === "tenant" && (tenant === undefined || entry.tenant === tenant))
    },
    revokeUser: (user) => {
      revokeAll((entry) => same(entry.user, user))
    },
    minted: () =>
      [...entries.values()].filter((entry) => entry.requested).map(
        ({ format: _, requested: __, text, user: ___, ...token }) => ({ ...token, value: Redacted.make(text) })
      )
  }
}
