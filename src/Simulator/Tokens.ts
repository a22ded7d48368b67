import * as Base64Url from "effect/encoding/Base64Url"
import * as Redacted from "effect/Redacted"
import type { App } from "./App.ts"
import type { Call } from "./Call.ts"
import * as Reply from "./Reply.ts"
import { same, type User } from "./User.ts"

/**
 * An access token that was issued in answer to a request; times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenRecord {
  readonly kind: "tenant" | "app" | "user"
  readonly appId: string
  /** The tenant it acts in; `undefined` for a store app's own token. */
  readonly tenant: string | undefined
  readonly value: Redacted.Redacted
  readonly issuedAt: number
  readonly expiresAt: number
  /** Whether the server has stopped accepting it before its time. */
  readonly revoked: boolean
  /** How many requests were refused because of it. */
  readonly rejections: number
}

/**
 * Who makes a call: an app in a tenant, or a user.
 */
export type Operator =
  | { readonly _tag: "App"; readonly tenant: string }
  | { readonly _tag: "User"; readonly user: User }

/**
 * What a request carried as its token. One that was never issued is judged by its looks alone.
 *
 * @since 0.1.0
 * @category models
 */
export type TokenKind = "tenant" | "app" | "user" | "malformed" | "none"

/** The older tokens are short words with a prefix, those of OAuth v3 long JWTs. */
export type Format = "opaque" | "jwt"

interface Issued {
  readonly kind: "tenant" | "app" | "user"
  readonly appId: string
  readonly tenant: string | undefined
  readonly user: User | undefined
  readonly format: Format
  readonly issuedAt: number
  readonly expiresAt: number
  /** Whether a request asked for it, and not the hand that holds the simulator. */
  readonly requested: boolean
}

interface Entry extends Issued {
  readonly text: string
  revoked: boolean
  rejections: number
}

// Feishu hands the same token out again while it has this long to live.
const reuseMillis = 30 * 60 * 1000

const prefix = { tenant: "t", app: "a", user: "u", refresh: "ur" } as const

/**
 * The text of a token. A counter is enough: tokens open nothing but this simulator, and tests stay reproducible.
 */
export const textOf = (kind: keyof typeof prefix, serial: number, format: Format): string => {
  const id = `simulated${String(serial).padStart(8, "0")}`
  if (format === "opaque") return `${prefix[kind]}-${id}`
  // As long as the documents warn that such a token is, so that a header or a column too short for it shows.
  const parts = [{ alg: "ES256", typ: "JWT" }, { jti: `${kind}-${id}`, pad: "simulated".repeat(100) }]
  return [...parts.map((part) => JSON.stringify(part)), `${kind}-${id}`].map(Base64Url.encode).join(".")
}

const bearer = (authorization: string | undefined): string | undefined =>
  authorization?.startsWith("Bearer ") === true ? authorization.slice("Bearer ".length) : undefined

const looksLike = (token: string): TokenKind => {
  if (token.startsWith("t-")) return "tenant"
  if (token.startsWith("a-")) return "app"
  return token.startsWith("u-") || token.startsWith("eyJ") ? "user" : "malformed"
}

const invalid = "Invalid access token for authorization. Please make a request with token attached."

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
  /** The app token with this text, while it is accepted. */
  readonly findApp: (text: string, now: number) => { readonly appId: string } | undefined
  /** The user of this token, while it is accepted. */
  readonly findUser: (authorization: string | undefined, now: number) => User | undefined
  /** The app and tenant of this token, which requests are counted by. */
  readonly ownerOf: (authorization: string | undefined) => string
  readonly kindOf: (authorization: string | undefined) => TokenKind
  readonly authorize: (call: Call, accepts: "both" | "user") => Operator | Reply.Reply
  readonly rejection: (call: Pick<Call, "authorization" | "logId">, status: number) => Reply.Reply
  readonly revoke: (authorization: string | undefined) => void
  readonly revokeTenantTokens: (tenant: string | undefined) => void
  readonly revokeUser: (user: User) => void
  readonly minted: () => ReadonlyArray<TokenRecord>
}

export const make = (): Tokens => {
  const entries = new Map<string, Entry>()

  const issue = (issued: Issued): Entry => {
    const text = textOf(issued.kind, entries.size + 1, issued.format)
    const entry: Entry = { ...issued, text, revoked: false, rejections: 0 }
    entries.set(text, entry)
    return entry
  }

  /** The last token of its kind while it has half an hour to live, else a new one. */
  const current = (wanted: Issued): Entry => {
    const last = [...entries.values()].findLast((entry) =>
      entry.kind === wanted.kind && entry.appId === wanted.appId && entry.tenant === wanted.tenant &&
      entry.format === wanted.format && !entry.revoked
    )
    return last !== undefined && last.expiresAt - wanted.issuedAt >= reuseMillis ? last : issue(wanted)
  }

  const find = (authorization: string | undefined): Entry | undefined => {
    const token = bearer(authorization)
    return token === undefined ? undefined : entries.get(token)
  }

  const accepted = (entry: Entry | undefined, now: number): entry is Entry =>
    entry !== undefined && !entry.revoked && entry.expiresAt > now

  const kindOf = (authorization: string | undefined): TokenKind => {
    const token = bearer(authorization)
    return token === undefined ? "none" : entries.get(token)?.kind ?? looksLike(token)
  }

  const refused = (authorization: string | undefined): void => {
    const entry = find(authorization)
    if (entry !== undefined) entry.rejections++
  }

  const rejection: Tokens["rejection"] = (call, status) => {
    refused(call.authorization)
    const code = kindOf(call.authorization) === "user" ? 99991668 : 99991663
    return Reply.refusal(status, code, invalid, call.logId)
  }

  return {
    tenant: (app, tenant, now, format) =>
      current({
        kind: "tenant",
        appId: app.id,
        tenant,
        user: undefined,
        format,
        issuedAt: now,
        expiresAt: now + app.tokenMillis,
        requested: true
      }),
    app: (app, now) =>
      current({
        kind: "app",
        appId: app.id,
        tenant: undefined,
        user: undefined,
        format: "opaque",
        issuedAt: now,
        expiresAt: now + app.tokenMillis,
        requested: true
      }),
    user: (app, user, { format, lifetimeMillis, now, requested }) =>
      issue({
        kind: "user",
        appId: app.id,
        tenant: user.tenant,
        user,
        format,
        issuedAt: now,
        expiresAt: now + lifetimeMillis,
        requested
      }),
    findApp: (text, now) => {
      const entry = entries.get(text)
      return accepted(entry, now) && entry.kind === "app" ? entry : undefined
    },
    findUser: (authorization, now) => {
      const entry = find(authorization)
      if (accepted(entry, now)) return entry.user
      refused(authorization)
      return undefined
    },
    ownerOf: (authorization) => {
      const entry = find(authorization)
      return `${entry?.appId} ${entry?.tenant}`
    },
    kindOf,
    rejection,
    authorize: (call, accepts) => {
      const entry = find(call.authorization)
      switch (kindOf(call.authorization)) {
        case "none": {
          const msg = "Missing access token for authorization. Please make a request with token attached."
          return Reply.refusal(400, 99991661, msg, call.logId)
        }
        case "app":
        case "malformed": {
          const msg = "Invalid access token for authorization: it must start with t- or u-."
          return Reply.refusal(400, 99991671, msg, call.logId)
        }
        case "tenant":
          return accepts === "both" && accepted(entry, call.now) && entry.tenant !== undefined
            ? { _tag: "App", tenant: entry.tenant }
            : rejection(call, 400)
        case "user": {
          if (accepted(entry, call.now) && entry.user !== undefined) return { _tag: "User", user: entry.user }
          if (entry === undefined || entry.revoked) return rejection(call, 400)
          entry.rejections++
          const msg = "Authentication token expired. Please make a request with token attached."
          return Reply.refusal(400, 99991677, msg, call.logId)
        }
      }
    },
    revoke: (authorization) => {
      const entry = find(authorization)
      if (entry !== undefined) entry.revoked = true
    },
    revokeTenantTokens: (tenant) => {
      for (const entry of entries.values()) {
        if (entry.kind === "tenant" && (tenant === undefined || entry.tenant === tenant)) entry.revoked = true
      }
    },
    revokeUser: (user) => {
      for (const entry of entries.values()) {
        if (entry.user !== undefined && same(entry.user, user)) entry.revoked = true
      }
    },
    minted: () =>
      [...entries.values()].filter((entry) => entry.requested).map((entry) => ({
        kind: entry.kind,
        appId: entry.appId,
        tenant: entry.tenant,
        value: Redacted.make(entry.text),
        issuedAt: entry.issuedAt,
        expiresAt: entry.expiresAt,
        revoked: entry.revoked,
        rejections: entry.rejections
      }))
  }
}
