import * as Redacted from "effect/Redacted"
import type { App } from "./App.ts"
import { makeStore } from "./Ring.ts"
import { type Format, textOf } from "./Tokens.ts"
import { same, type User } from "./User.ts"

/**
 * A refresh token that was issued. Times are in milliseconds since 1970.
 *
 * @stability unstable
 * @category models
 */
export interface SessionRecord {
  /** The index of its login. */
  readonly session: number
  /** The number of refreshes since the login. */
  readonly generation: number
  readonly user: User
  readonly appId: string
  readonly value: Redacted.Redacted
  readonly issuedAt: number
  readonly expiresAt: number
  /** When it was first used; `undefined` if it was not used yet. */
  readonly usedAt: number | undefined
  /** When it was used again, successfully or not. */
  readonly reusedAt: ReadonlyArray<number>
  /** Whether it was invalidated before it expired. */
  readonly revoked: boolean
}

/** The consent of a user in a login. */
export interface Consent {
  readonly appId: string
  readonly user: User
  /** All scopes that the user has granted to the app, in this login and earlier ones. */
  readonly scopes: ReadonlyArray<string>
  readonly at: number
}

export interface Challenge {
  readonly method: "S256" | "plain"
  readonly text: string
}

export interface Code extends Consent {
  readonly redirectUri: string
  readonly challenge: Challenge | undefined
  /** Whether this login requested `offline_access`. */
  readonly offline: boolean
  used: boolean
}

export interface RefreshToken {
  readonly text: string
  readonly format: Format
  readonly consent: Consent
  readonly session: number
  readonly generation: number
  readonly issuedAt: number
  readonly expiresAt: number
  usedAt: number | undefined
  revoked: boolean
  readonly reusedAt: Array<number>
}

// Documented: an authorization code is valid for five minutes.
export const codeMillis = 5 * 60 * 1000

// Documented: refresh tokens expire 365 days after the login at the latest.
const consentMillis = 365 * 24 * 60 * 60 * 1000

export interface Sessions {
  /** Adds scopes to the user's grant to the app, and returns all of it. */
  readonly grant: (appId: string, user: User, scopes: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly addCode: (code: Omit<Code, "used">) => string
  readonly code: (text: string) => Code | undefined
  /** Issues the first refresh token of a session, or the successor of another. */
  readonly issue: (
    app: App,
    from: { readonly consent: Consent; readonly after: RefreshToken | undefined },
    now: number,
    format: Format
  ) => RefreshToken
  readonly refreshToken: (text: string) => RefreshToken | undefined
  readonly revoke: (which: (token: RefreshToken) => boolean) => void
  readonly all: () => ReadonlyArray<SessionRecord>
}

export const make = (length: number): Sessions => {
  const codes = makeStore<Code>(length, ({ at, used }, now) => used || now >= at + codeMillis)
  const tokens = makeStore<RefreshToken>(
    length,
    ({ expiresAt, revoked, usedAt }, now) => revoked || usedAt !== undefined || now >= expiresAt
  )
  let codesMade = 0
  let tokensMade = 0
  const grants: Array<{ readonly appId: string; readonly user: User; readonly scopes: Set<string> }> = []
  let sessions = 0

  return {
    grant: (appId, user, scopes) => {
      const known = grants.find((grant) => grant.appId === appId && same(grant.user, user))
      const granted = known?.scopes ?? new Set()
      if (known === undefined) grants.push({ appId, user, scopes: granted })
      for (const scope of scopes) granted.add(scope)
      return [...granted]
    },
    addCode: (code) => {
      // The documented maximum length.
      const text = `simulatedcode-${String(++codesMade).padStart(50, "0")}`
      codes.set(text, { ...code, used: false }, code.at)
      return text
    },
    code: (text) => codes.get(text),
    issue: (app, { after, consent }, now, format) => {
      const token: RefreshToken = {
        text: textOf("refresh", ++tokensMade, format),
        format,
        consent,
        session: after?.session ?? sessions++,
        generation: after === undefined ? 0 : after.generation + 1,
        issuedAt: now,
        expiresAt: Math.min(now + app.refreshTokenMillis, consent.at + consentMillis),
        usedAt: undefined,
        revoked: false,
        reusedAt: []
      }
      tokens.set(token.text, token, now)
      return token
    },
    refreshToken: (text) => tokens.get(text),
    revoke: (which) => {
      for (const token of tokens.values()) if (which(token)) token.revoked = true
    },
    all: () =>
      [...tokens.values()].map(({ consent, format: _, reusedAt, text, ...token }) => ({
        ...token,
        user: consent.user,
        appId: consent.appId,
        value: Redacted.make(text),
        reusedAt: [...reusedAt]
      }))
  }
}
