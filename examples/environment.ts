import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Layer } from "effect"
import { Lark, MeetingId, MeetingUser, UndiciHttpClient } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"

/** The examples run offline, against the simulator, unless LARK_APP_ID is set. */
export const isLive = Boolean(process.env.LARK_APP_ID)

if (isLive && !process.env.LARK_MEETING_ID) {
  console.error("LARK_APP_ID is set, so set LARK_MEETING_ID too: the id (not the number) of a meeting in progress.")
  process.exit(1)
}

export const meetingId = MeetingId.make(process.env.LARK_MEETING_ID ?? "6911188411932033028")

export const alice = MeetingUser.openId(process.env.LARK_HOST ?? "ou_alice")
export const bob = MeetingUser.openId(process.env.LARK_NEW_HOST ?? "ou_bob")
export const carol = MeetingUser.openId(process.env.LARK_THIRD_USER ?? "ou_carol")

/** What happens to the offline meeting; the live one has people for that. */
export const layer = (options?: Pick<Simulator.Options, "faults" | "rivals" | "latency">) =>
  isLive
    ? Lark.layerConfig().pipe(Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)))
    : Lark.layer(Simulator.defaultApp).pipe(
      Layer.provide(Simulator.layer({
        meetings: [{ id: meetingId, host: alice, participants: [alice, bob, carol] }],
        ...options
      }))
    )
