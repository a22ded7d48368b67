/** A mistake that engines and clients like these are known to have, and the test that must fail. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Occurs in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly killer: Test
}

export interface Test {
  readonly file: string
  /** The title of one test in the file, without the titles of its suites. */
  readonly title: string
}

export const testIn = (file: string) => (title: string): Test => ({ file: `test/${file}.test.ts`, title })

export const testOf = (subject: string) => testIn(`Cas.${subject}`)
