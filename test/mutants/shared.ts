/** What processes of an app share: turns, limits and tokens. */
import { type Mutant, testIn, testOf } from "./Mutant.ts"

const lane = testOf("turnLane")
const cluster = testIn("Cluster.layer")
const limits = testIn("RateLimits.shared")
const tokens = testIn("Cluster.tokens")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a value proved to all who wait",
    file: "src/Cas/TurnLane.ts",
    find: "baton.seer > place.asked",
    replace: "baton.seer > 0",
    killer: lane("proves a value to those who asked before its holder was granted the turn, and to no others")
  },
  {
    name: "the baton of a lane kept after an unknown effect",
    file: "src/Cas/TurnLane.ts",
    find: "} else if (passed._tag !== \"Unchanged\") this.baton = undefined",
    replace: "}",
    killer: lane("passes nothing after an unknown effect, and a value that rested as an old one")
  },
  {
    name: "a call before the latest one asks late and gets a turn",
    file: "src/Cas/TurnLane.ts",
    find: "calledAt < this.latestAt",
    replace: "false",
    killer: lane("ends what was called before a latest call, whichever asks first")
  },
  {
    name: "a value passed on as seen by its last holder",
    file: "src/Cas/makeTurns.ts",
    find: "if (had?.number === undefined || had.baton === baton) return unchanged",
    replace: "if (had?.number === undefined) return unchanged",
    killer: lane("gives its turn back with what it saw itself, with nothing new, or with nothing known")
  },
  {
    name: "a witness dated at the grant",
    file: "src/Cas/makeTurns.ts",
    find: "leftAt: baton.isWitness ? askedAt :",
    replace: "leftAt: baton.isWitness ? at :",
    killer: lane("takes a witness as proof for the operation that asked, and for those called before the ask only")
  },
  {
    name: "a latest operation in the turn of another",
    file: "src/Cas/makeTurns.ts",
    find: "next.isLatest === true ||",
    replace: "",
    killer: lane(
      "asks anew for a latest operation, waiting or behind a turn, and ends what was called before it elsewhere"
    )
  },
  {
    name: "a value counted in a later turn than it was seen in",
    file: "src/Cas/TurnLane.ts",
    find: "passed._tag === \"Seen\" && passed.turn === place.granted",
    replace: "passed._tag === \"Seen\"",
    killer: lane("does not prove what a turn saw that was over when the ask came, if its messages come twice")
  },
  {
    name: "a lane called silent when its ask is withdrawn",
    file: "src/Cluster/lane.ts",
    find: "if (isOver) return Effect.succeed({ _tag: \"Lost\" })",
    replace: "",
    killer: cluster("still asks a lane after an ask that its operation gave up")
  },
  {
    name: "operations that wait again and again for a lane that is silent",
    file: "src/Cluster/lane.ts",
    find: "if (now() >= silentUntil) probe(shard, lane)\n        return skipped",
    replace: "if (now() < silentUntil) return skipped",
    killer: cluster("delays one operation by two seconds if no lane answers, and none after that")
  },
  {
    name: "a silent lane that is never called again",
    file: "src/Cluster/lane.ts",
    find: "if (Exit.isSuccess(exit)) silent.delete(shard)",
    replace: "",
    killer: cluster("lets operations take turns again when their lane answers a call in the background")
  },
  {
    name: "a lane without an answer waited for longer than the deadline",
    file: "src/Cas/makeTurns.ts",
    find: "Math.min(patience, (asker.bounds.deadline - waited) / 2)",
    replace: "patience",
    killer: cluster("fails no operation by a lane that does not answer, whatever the deadline")
  },
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
