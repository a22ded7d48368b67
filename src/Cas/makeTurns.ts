/** How a queue takes turns in lanes that it shares with others, and lanes for the queues of one process. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Entry, type Guard, type Guarded, type Line, stopWaiting } from "./Line.ts"
import { millisOf, now } from "./monotonic.ts"
import * as telemetry from "./telemetry.ts"
import { type LaneAnswer, type Passed, TurnLane } from "./TurnLane.ts"
import { Turns, TypeId } from "./Turns.ts"

/**
 * An ask of a queue for the turn on a key.
 *
 * @stability unstable
 * @category models
 */
export interface TurnAsk {
  readonly key: string
  /** How long the operation has waited since its call, in milliseconds. */
  readonly waited: number
  /** How long it waits for a lane that does not answer, before it runs without a turn, in milliseconds: 2 seconds at most. */
  readonly patience: number
  /** Ends the asks of operations that were called before. */
  readonly latest: boolean
  /** The clock of the operation. */
  readonly clock: Clock.Clock
}

/**
 * What comes of an ask: the answer of a lane, or none. `Lost`: the lane did not answer. `Skipped`: it was not asked, since
 * it did not answer before.
 *
 * @stability unstable
 * @category models
 */
export type TurnAnswer = LaneAnswer<Schema.Json> | { readonly _tag: "Lost" } | { readonly _tag: "Skipped" }

/**
 * A place in a lane, wherever the lane is.
 *
 * @stability unstable
 * @category models
 */
export interface TurnPlace {
  /** Waits for the answer. */
  readonly answer: Effect.Effect<TurnAnswer>
  /** Gives up the place, or gives the turn back. Called once, also after an answer that grants nothing. Waits for nothing. */
  readonly end: (passed: Passed<Schema.Json>) => void
}

const unchanged: Passed<never> = { _tag: "Unchanged" }
const unknown: Passed<never> = { _tag: "Unknown" }
const lost: TurnAnswer = { _tag: "Lost" }

/** How long operations of one queue run in one turn, in milliseconds. A turn of less costs more in asking for turns. */
const slice = 100

/** How long an operation waits for a lane that does not answer, in milliseconds: at most half of what it has left. */
const patience = 2_000

/** The turn of a line: asked for, or had. */
interface Turn<A> {
  /** The operation that was first when it was asked for. */
  readonly asker: Entry
  readonly askedAt: number
  readonly place: TurnPlace
  /** When it began, the number of the lane if it granted it, and the baton that it came with. */
  had: { readonly at: number; readonly number: number | undefined; readonly baton: Line<A>["baton"] } | undefined
}

/** Asks for the turns of a line. */
class SharedLine<A> implements Guard {
  private readonly enter: (ask: TurnAsk) => TurnPlace
  private readonly key: string
  private readonly codec: Schema.Codec<A, Schema.Json>
  private readonly line: Line<A>
  private turn: Turn<A> | undefined = undefined
  private waiting: Fiber.Fiber<TurnAnswer> | undefined = undefined

  constructor(enter: (ask: TurnAsk) => TurnPlace, codec: Schema.Codec<A, Schema.Json>, key: string, line: Line<A>) {
    this.enter = enter
    this.key = key
    this.codec = codec
    this.line = line
  }

  get isOpen(): boolean {
    return this.turn?.had !== undefined
  }

  joined({ isLatest }: Entry): void {
    // Its own ask tells the others.
    if (isLatest === true && !this.isOpen) this.end()
    if (this.turn === undefined) this.ask()
  }

  left(hadTurn: boolean): void {
    const next = this.first()
    if (next === undefined) return this.end()
    if (!hadTurn) return
    const { had } = this.turn ?? {}
    if (had === undefined || next.isLatest === true || millisOf(now(clockOf(next)) - had.at) >= slice) {
      this.end()
      this.ask()
    } else next.wake()
  }

  private first(): Entry | undefined {
    return this.line.entries.values().next().value
  }

  private ask(): void {
    const asker = this.first()
    if (asker === undefined) return
    const clock = clockOf(asker)
    const askedAt = now(clock)
    const waited = millisOf(askedAt - asker.invokedAt)
    const place = this.enter({
      key: this.key,
      waited,
      patience: Math.min(patience, (asker.bounds.deadline - waited) / 2),
      latest: asker.isLatest === true,
      clock
    })
    const turn: Turn<A> = { asker, askedAt, place, had: undefined }
    this.turn = turn
    const waiting = Effect.runForkWith(asker.fiber.context)(place.answer)
    this.waiting = waiting
    // An implementation that breaks is as good as lost.
    waiting.addObserver((exit) => this.answered(turn, exit._tag === "Success" ? exit.value : lost))
  }

  private answered(turn: Turn<A>, answer: TurnAnswer): void {
    if (this.turn !== turn) return
    const { line } = this
    const { asker, askedAt } = turn
    const { context } = asker.fiber
    const at = now(clockOf(asker))
    this.waiting = undefined
    telemetry.turns(answer._tag.toLowerCase()).updateUnsafe(1, context)
    telemetry.turnWaits.updateUnsafe(Duration.millis(millisOf(at - askedAt)), context)
    if (answer._tag === "Superseded") {
      const calledAt = at - answer.ago * 1_000_000
      this.end()
      for (const entry of line.entries) {
        if (entry !== asker && entry.invokedAt >= calledAt) continue
        stopWaiting(line, entry, { _tag: "Superseded", actual: Option.none() })
      }
      return this.ask()
    }
    if (answer._tag === "Granted") {
      const { baton } = answer
      const value = baton === undefined ? Option.none() : Schema.decodeUnknownOption(this.codec)(baton.value)
      // What others saw is newer than what this queue saw. The request that showed a witness left after the ask.
      line.baton = baton === undefined || Option.isNone(value) ? undefined : {
        value: value.value,
        leftAt: baton.isWitness ? askedAt : Number.NEGATIVE_INFINITY,
        isAged: baton.isAged
      }
      // The asker was called before it asked, also if the clock shows the same time.
      if (asker.invokedAt === askedAt) asker.invokedAt--
    } else if (answer._tag === "Lost" && line.baton !== undefined) {
      // Others may have had turns meanwhile.
      line.baton = { ...line.baton, isAged: true }
    }
    turn.had = { at, number: answer._tag === "Granted" ? answer.turn : undefined, baton: line.baton }
    this.first()?.wake()
  }

  /** Gives the turn back, or gives up the place. */
  private end(): void {
    const { turn, waiting } = this
    if (turn === undefined) return
    this.turn = undefined
    this.waiting = undefined
    turn.place.end(this.passed(turn))
    if (waiting === undefined) return
    telemetry.turns("withdrawn").updateUnsafe(1, turn.asker.fiber.context)
    waiting.interruptUnsafe()
  }

  private passed({ had }: Turn<A>): Passed<Schema.Json> {
    const { baton } = this.line
    if (had?.number === undefined || had.baton === baton) return unchanged
    const value = baton === undefined ? Option.none() : Schema.encodeOption(this.codec)(baton.value)
    return Option.isNone(value) ? unknown : { _tag: "Seen", value: value.value, turn: had.number }
  }
}

const clockOf = ({ fiber }: Entry): Clock.Clock => fiber.getRef(Clock.Clock)

/**
 * Makes turns of lanes, wherever these are: `enter` takes a place in the lane of a key.
 *
 * @stability unstable
 * @category constructors
 */
export const makeTurns = (enter: (ask: TurnAsk) => TurnPlace): Turns => ({
  guard: <A>(value: Schema.Codec<A, unknown>): Guarded<string, A> => {
    const codec = Schema.toCodecJson(value)
    return {
      [TypeId]: { _K: identity, _A: identity },
      make: (key, line) => new SharedLine(enter, codec, key, line)
    }
  }
})

/** A lane takes memory while there is an ask in it. */
const makeTurnsMemory = (): Turns => {
  const lanes = new Map<string, TurnLane<Schema.Json>>()
  let asks = 0
  return makeTurns(({ clock, key, latest, waited }) => {
    const millis = () => millisOf(now(clock))
    const lane = lanes.get(key) ?? new TurnLane<Schema.Json>()
    lanes.set(key, lane)
    const id = String(asks++)
    let answer: LaneAnswer<Schema.Json> | undefined
    let resume = (_: LaneAnswer<Schema.Json>) => {}
    lane.ask({ id, at: millis(), waited, latest }, (given) => {
      answer = given
      resume(given)
    })
    return {
      answer: Effect.callback((resumed) => {
        resume = (given) => resumed(Effect.succeed(given))
        if (answer !== undefined) resume(answer)
      }),
      end: (passed) => {
        lane.end(id, passed, millis())
        if (lane.size === 0 && lanes.get(key) === lane) lanes.delete(key)
      }
    }
  })
}

/**
 * Turns for all clients of one process.
 *
 * @stability unstable
 * @category layers
 */
export const layerTurnsMemory: Layer.Layer<never> = Layer.sync(Turns, makeTurnsMemory)
