/** Removes the built declarations that none of the public ones leads to: no program can name them. */
import { existsSync, globSync, readFileSync, rmSync } from "node:fs"
import * as path from "node:path"

const reached = new Set<string>()

const reach = (file: string): void => {
  if (reached.has(file) || !existsSync(file)) return
  reached.add(file)
  for (const [, target = ""] of readFileSync(file, "utf8").matchAll(/(?:from |import\(|import )"(\.[^"]+)\.[jt]s"/g)) {
    reach(path.join(path.dirname(file), `${target}.d.ts`))
  }
}

for (const file of globSync("dist/*.d.ts")) reach(file)
for (const file of globSync("dist/**/*.d.ts")) {
  if (reached.has(file)) continue
  rmSync(file)
  rmSync(`${file}.map`, { force: true })
}
