import * as Redacted from "effect/Redacted"
import type { Call } from "./Call.ts"
import * as Reply from "./Reply.ts"
import type { User } from "./User.ts"

/**
 * A tenant token that was issued; times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenRecord {
  readonly value: Redacted.Redacted
  readonly issuedAt: number
  readonly expiresAt: number
  /** Whether the server has stopped accepting it before its time. */
  readonly revoked: boolean
}

/**
 * Who makes a call: the app, or a user.
 */
export type Operator = { readonly _tag: "App" } | { readonly _tag: "User"; readonly user: User }

/**
 * What a request carried as its token, judged by its looks alone.
 *
 * @since 0.1.0
 * @category models
 */
export type TokenKind = "tenant" | "user" | "malformed" | "none"

interface Entry {
  readonly text: string
  readonly operator: Operator
  readonly issuedAt: number
  readonly expiresAt: number
  revoked: boolean
}

// Feishu hands the same token out again while it has this long to live.
const reuseMillis = 30 * 60 * 1000

const bearer = (authorization: string | undefined): string | undefined =>
  authorization?.startsWith("Bearer ") === true ? authorization.slice("Bearer ".length) : undefined

export const kindOf = (authorization: string | undefined): TokenKind => {
  const token = bearer(authorization)
  if (token === undefined) return "none"
  if (token.startsWith("t-")) return "tenant"
  return token.startsWith("u-") || token.startsWith("eyJ") ? "user" : "malformed"
}

const invalid = "Invalid access token for authorization. Please make a request with token attached."

export const rejection = (call: Pick<Call, "authorization" | "logId">, status: number): Reply.Reply =>
  kindOf(call.authorization) === "user"
    ? Reply.refusal(status, 99991668, invalid, call.logId)
    : Reply.refusal(status, 99991663, invalid, call.logId)

export interface Tokens {
  readonly tenant: (now: number, lifetimeMillis: number) => { readonly text: string; readonly expiresAt: number }
  readonly user: (user: User, now: number, lifetimeMillis: number) => Redacted.Redacted
  readonly authorize: (call: Call, accepts: "both" | "user") => Operator | Reply.Reply
  readonly revoke: (authorization: string | undefined) => void
  readonly revokeTenantTokens: () => void
  readonly tenantTokens: () => ReadonlyArray<TokenRecord>
}

export const make = (): Tokens => {
  const entries: Array<Entry> = []

  const issue = (operator: Operator, now: number, lifetimeMillis: number): Entry => {
    // A counter is enough: these open nothing but this simulator, and tests stay reproducible.
    const serial = String(entries.length + 1).padStart(8, "0")
    const entry: Entry = {
      text: `${operator._tag === "App" ? "t" : "u"}-simulated${serial}`,
      operator,
      issuedAt: now,
      expiresAt: now + lifetimeMillis,
      revoked: false
    }
    entries.push(entry)
    return entry
  }

  const find = (authorization: string | undefined): Entry | undefined => {
    const token = bearer(authorization)
    return entries.find((entry) => entry.text === token)
  }

  const tenantEntries = () => entries.filter((entry) => entry.operator._tag === "App")

  return {
    tenant: (now, lifetimeMillis) =>
      tenantEntries().findLast((entry) => !entry.revoked && entry.expiresAt - now >= reuseMillis) ??
        issue({ _tag: "App" }, now, lifetimeMillis),
    user: (user, now, lifetimeMillis) => Redacted.make(issue({ _tag: "User", user }, now, lifetimeMillis).text),
    authorize: (call, accepts) => {
      const entry = find(call.authorization)
      const expired = entry !== undefined && entry.expiresAt <= call.now
      switch (kindOf(call.authorization)) {
        case "none": {
          const msg = "Missing access token for authorization. Please make a request with token attached."
          return Reply.refusal(400, 99991661, msg, call.logId)
        }
        case "malformed": {
          const msg = "Invalid access token for authorization: it must start with t- or u-."
          return Reply.refusal(400, 99991671, msg, call.logId)
        }
        case "tenant":
          return entry === undefined || entry.revoked || expired || accepts === "user"
            ? rejection(call, 400)
            : entry.operator
        case "user": {
          if (entry === undefined || entry.revoked) return rejection(call, 400)
          const msg = "Authentication token expired. Please make a request with token attached."
          return expired ? Reply.refusal(400, 99991677, msg, call.logId) : entry.operator
        }
      }
    },
    revoke: (authorization) => {
      const entry = find(authorization)
      if (entry !== undefined) entry.revoked = true
    },
    revokeTenantTokens: () => {
      for (const entry of tenantEntries()) entry.revoked = true
    },
    tenantTokens: () =>
      tenantEntries().map(({ expiresAt, issuedAt, revoked, text }) => ({
        value: Redacted.make(text),
        issuedAt,
        expiresAt,
        revoked
      }))
  }
}
