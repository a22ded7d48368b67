/** What processes of an app share: limits and tokens. */
import { type Mutant, testIn } from "./Mutant.ts"

const limits = testIn("RateLimits.shared")
const tokens = testIn("Cluster.tokens")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a pause forgotten when the store of the limiter answers again",
    file: "src/RateLimits.ts",
    find: "if (pause > 0) yield* answered(",
    replace: "if (pause < 0) yield* answered(",
    killer: limits("hangs and comes back during a pause leaves it in force, for all")
  },
  {
    name: "a store of the limiter that is never asked again",
    file: "src/RateLimits.ts",
    find: "if (gate.probeAt === undefined || at < gate.probeAt) return",
    replace: "if (at > 0) return",
    killer: limits("does not answer is asked once a second, and used again when it answers")
  },
  {
    name: "the whole limit for each process without the store",
    file: "src/RateLimits.ts",
    find: "requests: requests / share",
    replace: "requests",
    killer: limits("fails leaves each process the share that an effect tells")
  },
  {
    name: "an app secret in the key of a record",
    file: "src/Cluster/tokens.ts",
    find: "yield* digest.digestHex(Digest.sha256, encode(`${appId} ${Redacted.value(appSecret)}`))",
    replace: "Redacted.value(appSecret)",
    killer: tokens("is another one for another app, secret or base URL")
  },
  {
    name: "a rejected token left in the record",
    file: "src/Cluster/tokens.ts",
    find: "isDead(generation, published) ? undefined : published",
    replace: "published",
    killer: tokens("is served to no process that starts later")
  },
  {
    name: "a token requested in spite of the claim of another process",
    file: "src/Cluster/tokens.ts",
    find: "const isClaimed = claim !== undefined && claimAge(claim) < claimTime",
    replace: "const isClaimed = claim === \"\"",
    killer: tokens("send one token request when they start at once, and one after each revocation")
  }
]
