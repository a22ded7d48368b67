import * as Redacted from "effect/Redacted"
import type { App } from "./App.ts"
import { type Format, textOf } from "./Tokens.ts"
import { same, type User } from "./User.ts"

/**
 * A refresh token that was issued; times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionRecord {
  /** Which login it descends from, counted from 0. */
  readonly session: number
  /** How many refreshes lie between it and that login. */
  readonly generation: number
  readonly user: User
  readonly appId: string
  readonly value: Redacted.Redacted
  readonly issuedAt: number
  readonly expiresAt: number
  /** When it was exchanged for the next one; `undefined` as long as it was not. */
  readonly usedAt: number | undefined
  /** When somebody came with it again, whatever he was answered. */
  readonly reusedAt: ReadonlyArray<number>
  /** Whether the server has stopped accepting it before its time. */
  readonly revoked: boolean
}

/** What a user agreed to when he logged in. */
export interface Consent {
  readonly appId: string
  readonly user: User
  /** All that he has granted to the app so far: grants add up. */
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
  /** Whether this login asked for `offline_access`. */
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

// The documents: 365 days after the login nothing but another login helps.
const consentMillis = 365 * 24 * 60 * 60 * 1000

export interface Sessions {
  /** Adds to what the user has granted to the app, and gives all of it. */
  readonly grant: (appId: string, user: User, scopes: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly addCode: (code: Omit<Code, "used">) => string
  readonly code: (text: string) => Code | undefined
  /** The first refresh token of a session, or the one that follows another. */
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

export const make = (): Sessions => {
  const codes = new Map<string, Code>()
  const tokens = new Map<string, RefreshToken>()
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
      // As long as the documents say that one can be.
      const text = `simulatedcode-${String(codes.size + 1).padStart(50, "0")}`
      codes.set(text, { ...code, used: false })
      return text
    },
    code: (text) => codes.get(text),
    issue: (app, { after, consent }, now, format) => {
      const token: RefreshToken = {
        text: textOf("refresh", tokens.size + 1, format),
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
      tokens.set(token.text, token)
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
