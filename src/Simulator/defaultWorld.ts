import type { WorldOptions } from "./World.ts"

// The examples of the official documents name the meeting and its reservation alike.
const meetingId = "6911188411932033028"
const host = "ou_3ec3f6a28a0d08c45d895276e8e5e19b"

/**
 * The world of a simulator without options: the ids of the official examples work in it.
 *
 * **Details**
 *
 * - The meeting `6911188411932033028` with the number `123456789`, of the reservation with the same id. Its host and owner is
 *   `ou_3ec3f6a28a0d08c45d895276e8e5e19b`, who is logged in in every browser. `ou_alice`, `ou_bob` and `ou_carol` are in it.
 * - The people of the examples of contacts, such as `zhangsan@z.com`, and `alice@example.com`, `bob@example.com`,
 *   `carol@example.com`, `erin@example.com`, who is the host.
 * - `defaultApp`, and a store app that has its ticket.
 *
 * `Simulator.layer({ ...Simulator.defaultWorld, faults })` adds to it.
 *
 * @stability unstable
 * @category constants
 */
export const defaultWorld = {
  otherApps: [{
    appId: "cli_fedcba9876543210",
    appSecret: "simulator-store-secret",
    type: "store",
    ticket: "simulated-ticket"
  }],
  reserves: [{ id: meetingId, owner: host, meetingNo: "123456789", topic: "my meeting" }],
  meetings: [{ id: meetingId, reserveId: meetingId, host, participants: ["ou_alice", "ou_bob", "ou_carol"] }],
  people: [
    { user: { openId: host, userId: "7be5fg9a", name: "erin" }, email: "erin@example.com" },
    { user: "ou_alice", email: "alice@example.com" },
    { user: "ou_bob", email: "bob@example.com" },
    { user: "ou_carol", email: "carol@example.com" },
    {
      user: {
        openId: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        unionId: "on_94a1ee5551019f18cd73d9f111898cf2",
        userId: "3e3cf96b",
        name: "张三"
      },
      email: "zhangsan@gmail.com"
    },
    { user: "ou_979112345678741d29069abcdef01234", email: "zhangsan@z.com" },
    { user: "ou_919112245678741d29069abcdef02345", email: "lisi@a.com" },
    { user: "ou_46a087654321a1dc920ffab8fedc3456", mobile: "13011111111" },
    { user: "ou_01b081675121a1dc920ffab97cdc4567", mobile: "13022222222" }
  ],
  login: { user: host }
} as const satisfies WorldOptions
