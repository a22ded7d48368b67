import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Happening } from "../Happening.ts"
import type { Control } from "./routes.ts"

// After that a comment follows, so that a reader that is gone is noticed, and proxies keep the connection.
const silence = "15 seconds"

const encode = Schema.encodeUnknownSync(Schema.toCodecJson(Happening))

const textOf = (happening: Happening, id: number | undefined): string =>
  Sse.encoder.write({
    _tag: "Event",
    event: "message",
    id: id === undefined ? undefined : String(id),
    data: JSON.stringify(encode(happening))
  })

/** Where the simulator stands. */
const state = ({ clock, controls }: Control): Effect.Effect<Extract<Happening, { readonly _tag: "State" }>> =>
  Effect.zipWith(controls.meetings, Clock.currentTimeMillis, (meetings, at) => ({
    _tag: "State",
    at,
    ahead: clock.ahead(),
    meetings
  }))

/** The reply to a reader: server-sent events, each a `Happening` in JSON, until it leaves. */
export const streamTo = (control: Control): HttpServerResponse.HttpServerResponse => {
  const text = Stream.unwrap(
    Effect.gen(function*() {
      // First, so that nothing is missed in between.
      const take = yield* control.feed.subscribe
      let first: string | undefined = textOf(yield* control.clock.provide(state(control)), undefined)
      const next = take.pipe(
        Effect.map((all) => all.map(({ happening, id }) => textOf(happening, id)).join("")),
        Effect.timeoutOption(silence),
        Effect.map(Option.getOrElse(() => ": \n\n"))
      )
      return Stream.fromEffectRepeat(Effect.suspend(() => {
        const begin = first
        first = undefined
        return begin === undefined ? next : Effect.succeed(begin)
      }))
    })
  ).pipe(Stream.provideService(Clock.Clock, control.clock.base))
  return HttpServerResponse.stream(Stream.encodeText(text), {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store" }
  })
}
