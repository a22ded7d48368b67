/** The exit codes, and what each means. */
export const exits = {
  done: { code: 0, meaning: "done" },
  defect: { code: 1, meaning: "a defect of this program" },
  usage: { code: 2, meaning: "the command line, the configuration or a file of this machine is wrong" },
  notAllowed: { code: 3, meaning: "not allowed: a scope, a permission, the credentials or a login is missing" },
  notFound: { code: 4, meaning: "there is no such meeting, person or host" },
  refused: { code: 5, meaning: "the state of the meeting does not allow it" },
  contended: { code: 6, meaning: "gave up: others kept moving the host role" },
  unknown: { code: 7, meaning: "the change may have taken effect or not; look before you repeat it" },
  unavailable: { code: 8, meaning: "no usable answer in time: the network, a limit or a fault of the platform" },
  interrupted: { code: 130, meaning: "interrupted" }
} as const

export type Exit = keyof typeof exits

/** For the help. */
export const description = `Exit codes:\n${
  Object.values(exits).map(({ code, meaning }) => `    ${String(code).padEnd(5)}${meaning}`).join("\n")
}`
