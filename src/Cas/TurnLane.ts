/** The rules of turns on one key. No clock, no transport: times are those of the caller, in milliseconds. */

/**
 * What a turn comes with: the value that an earlier holder saw.
 *
 * **Details**
 *
 * - `isWitness`: the request that showed it left after the turn was asked for.
 * - `isAged`: nobody waited when it was passed, so it rested until somebody asked.
 *
 * @stability unstable
 * @category models
 */
export interface Baton<out A> {
  readonly value: A
  readonly isWitness: boolean
  readonly isAged: boolean
}

/**
 * What a turn is given back with: the last value that a request of this turn showed; `Unknown` after a swap of unknown
 * effect; `Unchanged` if no request was answered. `turn` is the number of the turn.
 *
 * @stability unstable
 * @category models
 */
export type Passed<A> =
  | { readonly _tag: "Seen"; readonly value: A; readonly turn: number }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Unchanged" }

const unchanged: Passed<never> = { _tag: "Unchanged" }
const effectUnknown: Passed<never> = { _tag: "Unknown" }

/**
 * An ask for a turn.
 *
 * @stability unstable
 * @category models
 */
export interface LaneAsk {
  /** Names the ask. The same one again is no second ask. */
  readonly id: string
  /** When it arrives. */
  readonly at: number
  /** How long the operation has waited since its call. */
  readonly waited: number
  /** Ends the asks of operations that were called before. */
  readonly latest: boolean
}

/**
 * What becomes of an ask. `Granted`: with the number of the turn, which is to be given back with it. `Superseded`: an
 * operation that was called `ago` milliseconds ago takes its place.
 *
 * @stability unstable
 * @category models
 */
export type LaneAnswer<A> =
  | { readonly _tag: "Granted"; readonly turn: number; readonly baton: Baton<A> | undefined }
  | { readonly _tag: "Superseded"; readonly ago: number }

/** An ask that waits, or holds the turn. */
interface Place<A> {
  readonly asked: number
  readonly calledAt: number
  heardAt: number
  /** The number of the grant. */
  granted: number | undefined
  answer: LaneAnswer<A> | undefined
  tell: (answer: LaneAnswer<A>) => void
}

/**
 * The turns on one key, for an implementation of `Turns`: who holds the turn, who waits for it in which order, and the baton.
 *
 * **Details**
 *
 * Asks and grants have numbers. A value is a witness for an ask if the holder that saw it was granted its turn after the ask:
 * then the request that showed it left after the ask. No clock is compared. A value counts only in the turn that it was seen
 * in: messages may be delivered late, twice, or to another lane, whose numbers begin elsewhere.
 *
 * Of two operations, a `latest` one ends the other if it was called later, which is known from how long each has waited when
 * it asks.
 *
 * @stability unstable
 * @category models
 */
export class TurnLane<A> {
  private sequence: number
  /** When the last `latest` operation was called. */
  private latestAt = Number.NEGATIVE_INFINITY
  /** The value that the holder with this grant saw. */
  private baton: { readonly value: A; readonly seer: number; isAged: boolean } | undefined = undefined
  /** In the order of the asks: the first has the turn. */
  private readonly places = new Map<string, Place<A>>()

  /** If a key may have several lanes, one after another for example, they begin at numbers far apart: at random ones. */
  constructor(first = 0) {
    this.sequence = first
  }

  get size(): number {
    return this.places.size
  }

  /** Tells the answer, at once or later, and at most once. */
  ask({ at, id, latest, waited }: LaneAsk, tell: (answer: LaneAnswer<A>) => void): void {
    const known = this.places.get(id)
    if (known !== undefined) {
      known.heardAt = at
      known.tell = tell
      if (known.answer !== undefined) tell(known.answer)
      return
    }
    const calledAt = at - waited
    if (calledAt < this.latestAt) return tell({ _tag: "Superseded", ago: at - this.latestAt })
    const superseded: Array<Place<A>> = []
    if (latest) {
      this.latestAt = calledAt
      for (const [other, place] of this.places) {
        if (place.granted !== undefined || place.calledAt > calledAt) continue
        this.places.delete(other)
        superseded.push(place)
      }
    }
    this.places.set(id, {
      asked: ++this.sequence,
      calledAt,
      heardAt: at,
      granted: undefined,
      answer: undefined,
      tell
    })
    for (const place of superseded) place.tell({ _tag: "Superseded", ago: waited })
    this.grant(at)
  }

  /** The ask is still of interest. */
  heard(id: string, at: number): void {
    const place = this.places.get(id)
    if (place !== undefined) place.heardAt = at
  }

  /** Gives up a place, or gives the turn back. */
  end(id: string, passed: Passed<A>, at: number): void {
    const place = this.places.get(id)
    if (place === undefined) return
    this.places.delete(id)
    if (place.granted === undefined) return
    if (passed._tag === "Seen" && passed.turn === place.granted) {
      this.baton = { value: passed.value, seer: place.granted, isAged: false }
    } else if (passed._tag !== "Unchanged") this.baton = undefined
    if (this.places.size === 0 && this.baton !== undefined) this.baton.isAged = true
    this.grant(at)
  }

  /** Gives up the place whose answer is told to `tell`; not one that has asked again since. */
  leave(id: string, tell: (answer: LaneAnswer<A>) => void, at: number): void {
    if (this.places.get(id)?.tell === tell) this.end(id, unchanged, at)
  }

  /** Ends the asks that were not heard of for `lease`. What their operations did is unknown. */
  expire(lease: number, at: number): void {
    // The holder last, so that the turn is not granted to one that ends as well.
    for (const [id, { heardAt }] of Array.from(this.places).reverse()) {
      if (at - heardAt >= lease) this.end(id, effectUnknown, at)
    }
  }

  /** How long until the holder has to be heard of. */
  left(lease: number, at: number): number {
    const [holder] = this.places.values()
    return holder === undefined ? lease : holder.heardAt + lease - at
  }

  private grant(at: number): void {
    const [place] = this.places.values()
    if (place === undefined || place.granted !== undefined) return
    const { baton } = this
    place.granted = ++this.sequence
    place.heardAt = at
    place.answer = {
      _tag: "Granted",
      turn: place.granted,
      baton: baton && { value: baton.value, isWitness: baton.seer > place.asked, isAged: baton.isAged }
    }
    // Last: it may run the operation at once, and that may end here.
    place.tell(place.answer)
  }
}
