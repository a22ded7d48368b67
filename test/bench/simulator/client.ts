/**
 * Connections that each send a request as soon as the one before is answered: bytes on sockets, so that the server is what is
 * measured. It ends with the process that forked it.
 */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

export interface Load {
  readonly url: string
  /** What each connection sends, in turns. */
  readonly connections: ReadonlyArray<ReadonlyArray<string>>
  /** How long, or how many replies, whichever comes first. */
  readonly millis?: number
  readonly answers?: number
}

export interface Answered {
  readonly perSecond: number
  /** How many of the answers were no 200. */
  readonly refused: number
}

const count = { answers: 0, refused: 0 }

/** Sends until it is told to stop. */
const drive = (socket: Socket, requests: ReadonlyArray<string>, isOver: () => boolean): Promise<unknown> => {
  let sent = 0
  let unread = ""
  const send = () => socket.write(requests[sent++ % requests.length] ?? "")
  socket.setNoDelay(true).setEncoding("latin1").on("data", (chunk) => {
    unread += chunk
    const head = unread.indexOf("\r\n\r\n") + 4
    if (head < 4) return
    const length = /\r\ncontent-length: (\d+)/i.exec(unread)?.[1]
    if (length === undefined) throw new Error(`A reply without a length: ${unread}`)
    if (unread.length < head + Number(length)) return
    if (!unread.startsWith("HTTP/1.1 200 ")) count.refused++
    unread = ""
    count.answers++
    if (isOver()) socket.end()
    else send()
  })
  send()
  return once(socket, "close")
}

const run = async ({ answers = Infinity, connections, millis = Infinity, url }: Load): Promise<Answered> => {
  const { hostname, port } = new URL(url)
  const sockets = connections.map(() => connect(Number(port), hostname))
  await Promise.all(sockets.map((socket) => once(socket, "connect")))
  count.answers = 0
  count.refused = 0
  const begun = performance.now()
  const isOver = () => count.answers >= answers || performance.now() - begun >= millis
  await Promise.all(sockets.map((socket, index) => drive(socket, connections[index] ?? [], isOver)))
  return { perSecond: 1_000 * count.answers / (performance.now() - begun), refused: count.refused }
}

process.on("message", (load: Load) => void run(load).then((answered) => process.send?.(answered)))
process.on("disconnect", () => process.exit())
