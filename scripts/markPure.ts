import { MagicString } from "magic-string"
import { parseSync, type Span, Visitor } from "oxc-parser"

const definitions = /^(Import|Export\w*|Variable|Function|Class|TS\w+)Declaration$/

/**
 * A module with the calls that it makes when it is loaded marked as pure, so that bundlers drop what nobody uses. Throws at
 * a module that does anything but define.
 */
export const markPure = (file: string, source: string): MagicString => {
  const { program } = parseSync(file, source)
  const done = program.body.find(({ type }) => !definitions.test(type))
  if (done !== undefined) {
    throw new Error(`${file} does something when it is loaded: ${source.slice(done.start, done.end)}`)
  }

  const calls = new Set<number>()
  const functions: Array<Span> = []
  const note = ({ start }: Span) => calls.add(start)
  const leave = (span: Span) => functions.push(span)
  new Visitor({
    CallExpression: note,
    NewExpression: note,
    FunctionExpression: leave,
    FunctionDeclaration: leave,
    ArrowFunctionExpression: leave
  }).visit(program)

  const marked = new MagicString(source)
  for (const at of calls) {
    if (!functions.some(({ end, start }) => start <= at && at < end)) marked.appendLeft(at, "/*#__PURE__*/ ")
  }
  return marked
}
