import { parseSync, type Span, Visitor } from "oxc-parser"

const definitions = /^(Import|Export\w*|Variable|Function|Class|TS\w+)Declaration$/

/**
 * A module with the calls that it makes when it is loaded marked as pure, so that bundlers drop what nobody uses. Throws at
 * a module that does anything but define.
 */
export const markPure = (file: string, source: string): string => {
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

  return [...calls]
    .filter((at) => !functions.some(({ end, start }) => start <= at && at < end))
    .toSorted((a, b) => b - a)
    .reduce((text, at) => `${text.slice(0, at)}/*#__PURE__*/ ${text.slice(at)}`, source)
}
