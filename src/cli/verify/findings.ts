/** What `verify` finds out. */
import * as LarkError from "../../LarkError.ts"
import type * as Simulator from "../../Simulator.ts"
import type { Asked } from "./questions.ts"
import type { Reply } from "./requests.ts"

/** The answer to a question, and the replies that show it; or why there is none. */
export type Finding =
  | {
    readonly _tag: "Answer"
    readonly answer: string
    readonly evidence: ReadonlyArray<Reply>
    /** What makes the simulator answer likewise. */
    readonly behavior: Simulator.BehaviorOptions
  }
  | { readonly _tag: "Missing"; readonly reason: string }

export const answer = (
  answer: string,
  evidence: Reply | ReadonlyArray<Reply>,
  behavior: Simulator.BehaviorOptions = {}
): Finding => ({ _tag: "Answer", answer, evidence: "code" in evidence ? [evidence] : evidence, behavior })

export const missing = (reason: string): Finding => ({ _tag: "Missing", reason })

export type Findings = Map<Asked, Finding>

const nameOf = (code: number): string | undefined =>
  LarkError.table.find((row) => row.code <= code && code <= (row.through ?? row.code))?.tag

/** `121003, ParamError`: the code of a reply, and its name in this library. */
export const said = ({ code }: Pick<Reply, "code">): string => {
  const name = nameOf(code)
  return code === 0 ? "success" : name === undefined ? `${code}` : `${code}, ${name}`
}
