/**
 * A service that hands the host role over at the end of a shift, and its tests against a simulated Feishu.
 *
 *     npm install effect-lark-meetings
 *     node --test suite.mjs
 */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import { after, before, beforeEach, test } from "node:test"

const call = async (method, url, body, token) => {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) }
  const reply = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  return { http: reply.status, ...await reply.json() }
}

/** The program: a client of the platform that keeps its token until it is refused. */
const makeFeishu = ({ appId, appSecret, url }) => {
  const apis = `${url}/open-apis`
  let token
  const request = async (method, path, body) => {
    const mayRenew = token !== undefined
    token ??= (await call("POST", `${apis}/auth/v3/tenant_access_token/internal`, {
      app_id: appId,
      app_secret: appSecret
    })).tenant_access_token
    const reply = await call(method, `${apis}/vc/v1/meetings/${path}`, body, token)
    if (reply.code !== 99991663 || !mayRenew) return reply
    token = undefined
    return request(method, path, body)
  }
  const host = async (meeting) => (await request("GET", meeting)).data.meeting.host_user.id
  const swap = (meeting, from, to) =>
    request("PATCH", `${meeting}/set_host`, {
      host_user: { id: to, user_type: 1 },
      old_host_user: { id: from, user_type: 1 }
    })
  /** From a host to another, and only from that one. A lost reply is looked after. */
  const handOver = async (meeting, from, to) => {
    const reply = await swap(meeting, from, to).catch(() => undefined)
    const now = reply === undefined ? await host(meeting) : reply.data?.host_user?.id
    if (now !== to) throw new Error(`${now ?? reply?.msg} is host`)
  }
  return { apis, handOver, host, swap }
}

const id = "7000000000000000001"
let simulator, feishu, process

const control = (method, path, body) => call(method, `${simulator.controlUrl}/${path}`, body)
const swaps = async () =>
  (await control("GET", "requests?endpoint=set_host")).requests.map(({ reply }) => reply && [reply.status, reply.code])
const writes = async () => (await control("GET", "writes")).writes.map(({ after, by }) => `${by} ${after.openId}`)

before(async () => {
  process = spawn("npx", ["effect-lark-meetings", "simulator", "--port", "0", "--json", "--for", "5m"])
  const [line] = await once(process.stdout, "data")
  simulator = JSON.parse(line)
})

after(() => process.kill())

beforeEach(async () => {
  await control("POST", "reset", { meetings: [{ id, host: "ou_alice", participants: ["ou_bob", "ou_carol"] }] })
  feishu = makeFeishu(simulator)
})

test("hands the role over", async () => {
  await feishu.handOver(id, "ou_alice", "ou_bob")
  assert.deepEqual(await writes(), ["request ou_bob"])
})

test("leaves a host alone who is another one", async () => {
  await assert.rejects(feishu.handOver(id, "ou_carol", "ou_bob"), /ou_alice is host/)
  assert.deepEqual(await swaps(), [[409, 121006]])
})

test("leaves a rival alone who was faster", async () => {
  await control("POST", "rivals", { rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }] })
  await assert.rejects(feishu.handOver(id, "ou_alice", "ou_bob"), /ou_carol is host/)
  assert.deepEqual(await writes(), ["rival ou_carol"])
})

test("looks who is host if the reply is lost", async () => {
  await control("POST", "faults", { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } }] })
  await feishu.handOver(id, "ou_alice", "ou_bob")
  assert.deepEqual([await swaps(), await writes()], [[null], ["request ou_bob"]])
})

test("gets a new token for one that is rejected, and for one that has expired", async () => {
  await feishu.handOver(id, "ou_alice", "ou_bob")
  await control("POST", "reject-tokens")
  await feishu.handOver(id, "ou_bob", "ou_carol")
  const { ahead } = await control("POST", "clock", { advance: "2 hours" })
  assert.equal(ahead, 7_200_000)
  await feishu.handOver(id, "ou_carol", "ou_alice")
  assert.deepEqual((await swaps()).map(([, code]) => code), [0, 99991663, 0, 99991663, 0])
})

test("a user who is not the host cannot hand the role over", async () => {
  const { token } = await control("POST", "user-token", { user: "ou_bob" })
  const users = { host_user: { id: "ou_bob", user_type: 1 }, old_host_user: { id: "ou_alice", user_type: 1 } }
  const reply = await call("PATCH", `${feishu.apis}/vc/v1/meetings/${id}/set_host`, users, token)
  assert.deepEqual([reply.http, reply.code], [403, 121005])
})

test("sees a meeting that was created, joined and ended", async () => {
  assert.equal((await control("POST", "meetings", { id: "7000000000000000002", host: "ou_dave" })).http, 201)
  assert.equal((await control("POST", "meetings/7000000000000000002/join", { user: "ou_erin" })).http, 200)
  await feishu.handOver("7000000000000000002", "ou_dave", "ou_erin")
  await control("POST", "meetings/7000000000000000002/end")
  assert.equal((await feishu.swap("7000000000000000002", "ou_erin", "ou_dave")).code, 122001)
})

test("gets events by webhook, again if it fails", async () => {
  const received = []
  const webhook = createServer(async (request, response) => {
    received.push((await json(request)).header)
    response.writeHead(received.length === 1 ? 500 : 200).end()
  }).listen(0, "127.0.0.1")
  await once(webhook, "listening")
  const url = `http://127.0.0.1:${webhook.address().port}/events`
  await control("POST", "reset", { webhook: { url }, meetings: [{ id }] })
  await control("POST", `meetings/${id}/join`, { user: "ou_dave" })
  await control("POST", "clock", { advance: "1 minute" })
  webhook.close()
  assert.deepEqual(received.map(({ event_type }) => event_type), Array(2).fill("vc.meeting.join_meeting_v1"))
  assert.equal(received[0].event_id, received[1].event_id)
})

test("is told what is wrong", async () => {
  const refused = async (path, body) => (await control("POST", path, body)).error
  const late = await refused("faults", { faults: [{ endpoint: "get", nth: 0, fault: { _tag: "Late" } }] })
  assert.deepEqual([late._tag, late.path], ["BadInput", "faults[0].fault.millis"])
  const unknown = await refused("meetings/1/end")
  assert.deepEqual([unknown._tag, unknown.known], ["MeetingNotFound", [id]])
  assert.equal((await refused("meetings", { id }))._tag, "MeetingExists")
  assert.equal((await refused("meeting", {}))._tag, "RouteNotFound")
})
