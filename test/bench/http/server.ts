/**
 * The platform as fixed bytes on a port of this machine: the token endpoint, a swap that succeeds and one that conflicts.
 * A process of its own, so that its work is not counted as a client's; it ends with the process that forked it.
 */
import { createServer, type Socket } from "node:net"

const answer = (status: string, body: object) => {
  const text = JSON.stringify(body)
  return Buffer.from([
    `HTTP/1.1 ${status}`,
    "server: stub",
    "date: Thu, 01 Jan 2026 00:00:00 GMT",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(text)}`,
    "x-tt-logid: 20260101000000000000000000000000",
    "x-request-id: 5f0e2b34-0000-4000-8000-000000000000",
    "vary: Accept-Encoding",
    "",
    text
  ].join("\r\n"))
}

const host_user = { id: "ou_bob", user_type: 1 }
const token = answer("200 OK", { code: 0, expire: 7200, msg: "ok", tenant_access_token: "t-stub" })
const applied = answer("200 OK", { code: 0, data: { host_user }, msg: "success" })
const conflict = answer("409 Conflict", { code: 121006, data: { host_user }, msg: "data conflict" })

const answerTo = (head: string) =>
  head.startsWith("POST /open-apis/auth/") ? token : head.includes("033409/set_host") ? conflict : applied

let connections = 0

const serve = (socket: Socket) => {
  connections += 1
  let unread = ""
  socket.setNoDelay(true).setEncoding("latin1").on("error", () => {}).on("data", (chunk: string) => {
    unread += chunk
    while (true) {
      const body = unread.indexOf("\r\n\r\n") + 4
      if (body < 4) return
      const head = unread.slice(0, body)
      const end = body + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (unread.length < end) return
      unread = unread.slice(end)
      socket.write(answerTo(head))
    }
  })
}

const server = createServer(serve)
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 })
})
process.on("message", () => process.send?.({ connections }))
process.on("disconnect", () => process.exit())
