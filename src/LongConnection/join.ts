/** Joins the parts of messages, which come in any order. */
import * as Bytes from "effect/Bytes"
import type * as Clock from "effect/Clock"
import { monotonicMillis } from "../internal/monotonicClock.ts"
import { type Frame, headerOf } from "./frame.ts"

/** A message that is not complete after that is sent again. */
const maxAge = 10_000

/** Of all the parts that wait for others. */
const maxBytes = 16 * 1024 * 1024

/** Of one message. */
const maxParts = 1_000

/** What a part takes of memory: a short one takes more than its bytes. */
const sizeOf = (id: string, part: Uint8Array): number => id.length + part.length + 1_024

interface Unfinished {
  readonly parts: Map<number, Uint8Array>
  readonly sum: number
  readonly since: number
}

const none = new Uint8Array()

/** Makes a function that gives the payload of a message when its last part has come. */
export const makeJoin = (clock: Clock.Clock): (frame: Frame) => Uint8Array | undefined => {
  // In the order in which they began.
  const unfinished = new Map<string, Unfinished>()
  let size = 0

  const forget = (id: string): void => {
    for (const part of unfinished.get(id)?.parts.values() ?? []) size -= sizeOf(id, part)
    unfinished.delete(id)
  }

  return (frame) => {
    const payload = frame.payload ?? none
    const id = headerOf(frame, "message_id")
    const sum = Number(headerOf(frame, "sum") ?? 1)
    const seq = Number(headerOf(frame, "seq") ?? 0)
    if (id === undefined || sum <= 1) return payload
    if (!Number.isInteger(sum) || !Number.isInteger(seq) || sum > maxParts || seq < 0 || seq >= sum) return undefined

    const now = monotonicMillis(clock)
    const known = unfinished.get(id)
    const { parts, since } = known?.sum === sum ? known : { parts: new Map<number, Uint8Array>(), since: now }
    if (known?.sum !== sum) forget(id)
    const before = parts.get(seq)
    size += sizeOf(id, payload) - (before === undefined ? 0 : sizeOf(id, before))
    // A copy: the bytes of a frame may be a view of a larger buffer.
    parts.set(seq, payload.slice())
    unfinished.set(id, { parts, sum, since })
    if (parts.size === sum) {
      forget(id)
      return Bytes.concat(Array.from(parts).sort(([a], [b]) => a - b).map(([, part]) => part))
    }
    for (const [oldest, { since }] of unfinished) {
      if (size <= maxBytes && now - since <= maxAge) break
      forget(oldest)
    }
    return undefined
  }
}
