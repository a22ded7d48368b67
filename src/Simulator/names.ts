/** How many entries of a list a message names: a wrong list may have any number. */
export const mostListed = 20

/** The index of each name that was there before, and that of the first one. */
export const repeats = (names: ReadonlyArray<string>): ReadonlyArray<readonly [index: number, first: number]> => {
  const firsts = new Map<string, number>()
  return names.flatMap((name, index) => {
    const first = firsts.get(name)
    if (first !== undefined) return [[index, first] as const]
    firsts.set(name, index)
    return []
  })
}

/** The first of many names, for a message. */
export const namesIn = (names: ReadonlyArray<string>): string =>
  names.length > mostListed
    ? `${names.slice(0, mostListed).join(", ")} and ${names.length - mostListed} more`
    : names.join(", ")
