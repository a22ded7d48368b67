/** The systems that are explored. Values are small numbers; 0 is in place at the start. */
import { Cas } from "effect-lark-meetings"
import { always, atMostOneEffect, type Property } from "./check.ts"
import type { Client, Setup } from "./System.ts"

export interface Case {
  readonly name: string
  readonly setup: Setup
  readonly properties: ReadonlyArray<Property>
  /** Too large for the tests; the script runs it. */
  readonly isLarge?: boolean
  /** The property that is known not to hold here, so that the limits of the engine are proved as well. */
  readonly fails?: string
}

const calm: Omit<Setup, "clients"> = {
  values: 3,
  initial: 0,
  maxSwaps: 4,
  humans: 0,
  losses: 0,
  late: 0,
  interruptions: 0,
  blind: 0
}

const ensure = (target: number, onUnknown: Cas.OnUnknown = "reassert"): Client => ({
  intent: Cas.ensure(target),
  onUnknown,
  canRead: true
})
const handover = (from: number, to: number, onUnknown: Cas.OnUnknown = "reassert"): Client => ({
  intent: Cas.handover(from, to),
  onUnknown,
  canRead: true
})
const unless = (target: number, ...guarded: ReadonlyArray<number>): Client => ({
  intent: Cas.ensureUnless(target, guarded),
  onUnknown: "stopIfMoved",
  canRead: true
})
const rotate: Client = { intent: Cas.rotate([0, 1, 2]), onUnknown: "stopIfMoved", canRead: true }

const everything = [...always, atMostOneEffect]

export const cases: ReadonlyArray<Case> = [
  {
    name: "two ensures, a person, one loss",
    setup: { ...calm, clients: [ensure(1), ensure(2)], humans: 1, losses: 1, late: 1 },
    properties: always
  },
  {
    name: "two ensures from wrong hints, blind conflicts, one loss",
    isLarge: true,
    setup: {
      ...calm,
      clients: [{ ...ensure(1), hint: 2 }, { ...ensure(2), hint: 1 }],
      humans: 1,
      losses: 1,
      late: 1,
      blind: 2
    },
    properties: always
  },
  {
    name: "ensure without a read, from a hint, one loss",
    setup: {
      ...calm,
      clients: [{ ...ensure(1), hint: 0, canRead: false }, ensure(2)],
      humans: 1,
      losses: 1,
      late: 1,
      blind: 1
    },
    properties: always
  },
  {
    name: "two handovers, a person twice, one loss",
    setup: { ...calm, clients: [handover(0, 1), handover(0, 2)], humans: 2, losses: 1, late: 1 },
    properties: always
  },
  {
    name: "ensureUnless and ensure, a person twice, one loss, interruption",
    setup: { ...calm, clients: [unless(1, 2), ensure(2)], humans: 2, losses: 1, late: 1, interruptions: 1 },
    properties: always
  },
  {
    name: "a user who hands over, an app, a person, two losses, interruption",
    setup: {
      ...calm,
      clients: [{ ...handover(0, 1), operator: 0 }, ensure(2)],
      humans: 1,
      losses: 2,
      late: 1,
      interruptions: 1
    },
    properties: always
  },
  {
    name: "two rotations, a person, one loss",
    setup: { ...calm, clients: [rotate, rotate], humans: 1, losses: 1, late: 1 },
    properties: always
  },
  {
    name: "three intents, one loss, a person, a crash",
    isLarge: true,
    setup: {
      ...calm,
      clients: [ensure(1), handover(0, 2), unless(2, 1)],
      humans: 1,
      losses: 1,
      late: 1,
      interruptions: 1,
      maxSwaps: 3
    },
    properties: always
  },
  {
    name: "three ensures, one loss, a person",
    isLarge: true,
    setup: {
      ...calm,
      values: 4,
      clients: [ensure(1), ensure(2), ensure(3)],
      humans: 1,
      humanValues: [0],
      losses: 1,
      late: 1,
      maxSwaps: 3
    },
    properties: always
  },
  {
    name: "three intents, two losses, a person twice, a crash",
    isLarge: true,
    setup: {
      ...calm,
      clients: [handover(0, 1), handover(0, 2), unless(2, 1)],
      humans: 2,
      losses: 2,
      late: 2,
      interruptions: 1,
      maxSwaps: 3
    },
    properties: always
  },
  {
    name: "neverResend: at most one effect, even with delayed requests",
    isLarge: true,
    setup: {
      ...calm,
      clients: [ensure(1, "neverResend"), handover(0, 2, "neverResend")],
      humans: 2,
      losses: 2,
      late: 2,
      interruptions: 1
    },
    properties: everything
  },
  {
    name: "a gateway that repeats two swaps at once, and a person: ensure, handover",
    setup: { ...calm, clients: [ensure(1), handover(0, 2)], humans: 1, replays: 2 },
    properties: always
  },
  {
    name: "a gateway that repeats a swap at once, and a loss: ensureUnless, rotate",
    setup: { ...calm, clients: [unless(1, 2), rotate], losses: 1, replays: 1, interruptions: 1 },
    properties: always
  },
  {
    name: "a gateway that repeats a swap at once, and a conflict that hides the value, without a read",
    setup: {
      ...calm,
      clients: [{ ...handover(0, 1), canRead: false }],
      losses: 1,
      replays: 1,
      blind: 1,
      interruptions: 1
    },
    properties: always
  },
  {
    name: "neverResend: at most one effect under a gateway that repeats at once",
    setup: {
      ...calm,
      clients: [ensure(1, "neverResend"), handover(0, 2, "neverResend")],
      humans: 1,
      losses: 1,
      replays: 2
    },
    properties: everything
  },
  {
    name: "a gateway that repeats later: a person writes in between, and nobody sees the first effect",
    setup: { ...calm, clients: [handover(0, 1), ensure(2)], humans: 1, replays: 1, replaysLater: true },
    properties: always,
    fails: "7 effect none means never applied, now or later"
  },
  {
    name: "neverResend, under a gateway that repeats later, with ABA",
    setup: { ...calm, clients: [handover(0, 1, "neverResend")], humans: 1, replays: 1, replaysLater: true },
    properties: [atMostOneEffect],
    fails: atMostOneEffect.name
  },
  {
    name: "stopIfMoved: at most one effect, without ABA and delayed requests",
    setup: { ...calm, clients: [{ ...ensure(1), onUnknown: "stopIfMoved" }], humans: 1, losses: 2, humanValues: [2] },
    properties: everything
  },
  {
    name: "stopIfMoved with ABA",
    setup: { ...calm, clients: [{ ...ensure(1), onUnknown: "stopIfMoved" }], humans: 1, losses: 1 },
    properties: everything,
    fails: atMostOneEffect.name
  },
  {
    name: "handover with ABA",
    setup: { ...calm, clients: [handover(0, 1)], humans: 1, losses: 1 },
    properties: everything,
    fails: atMostOneEffect.name
  },
  {
    name: "reassert, without ABA",
    setup: { ...calm, clients: [ensure(1)], humans: 1, humanValues: [2], losses: 1 },
    properties: everything,
    fails: atMostOneEffect.name
  }
]
