/**
 * The loops of engines that are not on npm, in a few lines each.
 */
import { attempt, type Engine, listen, mustSwap, type Operation, pause, Refused } from "./Engine.ts"
import { target } from "./Script.ts"
import { Canceled, Conflict, Doubtful } from "./Server.ts"

/**
 * k8s.io/client-go/util/retry, `OnError` under `RetryOnConflict(DefaultRetry)`. From 753cfe18 (July 2025) to 7a574b03
 * (July 2026) an interrupted callback ended with the last conflict, and with success if there was none: issue 140402.
 */
const clientGo = (options: { readonly forgetsCancellation: boolean }): Engine => (operation) => {
  const retryOnConflict = async () => {
    let lastConflict: Conflict | undefined
    for (let steps = 5; steps > 0; steps--) {
      try {
        return await attempt(operation, operation.signal)
      } catch (error) {
        if (error instanceof Canceled && options.forgetsCancellation) break
        if (!(error instanceof Conflict)) throw error
        lastConflict = error
      }
      if (steps > 1) await pause(10 * (1 + 0.1 * Math.random()))
    }
    if (lastConflict !== undefined) throw lastConflict
  }
  return listen(retryOnConflict())
}

/** etcd client/v3/concurrency/stm.go: the value comes with the conflict; any error but a conflict is the caller's. */
const etcd: Engine = (operation) => {
  const stm = async () => {
    let value = await operation.server.read(operation.signal)
    while (mustSwap(operation, value)) {
      try {
        return await operation.server.swap(value, target, operation.signal)
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
        value = error.actual
      }
    }
  }
  return listen(stm())
}

/** sigs.k8s.io/controller-runtime: no retry of its own; any error queues the object again, 5 ms doubling, for ever. */
const controllerRuntime: Engine = (operation) => {
  const reconcile = async () => {
    for (let failures = 0;; failures++) {
      try {
        return await attempt(operation, operation.signal)
      } catch (error) {
        if (error instanceof Canceled || error instanceof Refused) throw error
      }
      await pause(Math.min(5 * 2 ** failures, 1_000_000))
    }
  }
  return listen(reconcile())
}

/** `@Retryable(retryFor = OptimisticLockingFailureException.class)`: three attempts, a second apart. */
const spring: Engine = (operation) => {
  const retryable = async () => {
    for (let attempts = 1;; attempts++) {
      try {
        return await attempt(operation)
      } catch (error) {
        if (!(error instanceof Conflict) || attempts === 3) throw error
      }
      await pause(1_000)
    }
  }
  return listen(retryable())
}

/** `retry_on_conflict: 3` at the server; the JavaScript client sends a request again after a reset, up to 3 times. */
const elasticsearch: Engine = (operation) => {
  const update = async (operation: Operation) => {
    for (let attempts = 1;; attempts++) {
      try {
        return await attempt(operation, operation.signal)
      } catch (error) {
        if (!(error instanceof Conflict) || attempts === 4) throw error
      }
    }
  }
  const transport = async () => {
    for (let sent = 1;; sent++) {
      try {
        return await update(operation)
      } catch (error) {
        if (!(error instanceof Doubtful) || sent === 4) throw error
      }
    }
  }
  return listen(transport())
}

export const reimplemented: ReadonlyArray<readonly [name: string, engine: Engine]> = [
  ["client-go, 2025-07 to 2026-07", clientGo({ forgetsCancellation: true })],
  ["client-go since", clientGo({ forgetsCancellation: false })],
  ["etcd STM", etcd],
  ["controller-runtime", controllerRuntime],
  ["Spring @Retryable", spring],
  ["Elasticsearch retry_on_conflict", elasticsearch]
]
