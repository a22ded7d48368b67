/** How deep arrays and objects of an input can be nested. */
export const maxDepth = 64

/** Whether it nests deeper than an input may. */
export const isTooDeep = (value: unknown, depth = 0): boolean =>
  typeof value === "object" && value !== null &&
  (depth >= maxDepth || Object.values(value).some((inner) => isTooDeep(inner, depth + 1)))
