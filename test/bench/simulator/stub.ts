/**
 * The least that a server on `node:http` does: it reads the body and sends fixed bytes. It ends with the process that forked it.
 */
import { createServer } from "node:http"

const body = JSON.stringify({
  code: 0,
  msg: "success",
  data: { host_user: { id: "ou_bob", user_type: 1 } }
})

const headers = { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(body) }

const server = createServer((request, response) => {
  let text = ""
  request.setEncoding("utf8").on("data", (chunk) => text += chunk).on("end", () => {
    response.writeHead(200, headers).end(body)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` })
})
process.on("disconnect", () => process.exit())
