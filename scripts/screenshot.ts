/** Takes the picture of the simulator's page in docs/figures, while three clients contend for the host role. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { crc32, deflateSync } from "node:zlib"
import type { Browser } from "playwright-core"
import { launch } from "../test/fixtures/chromium.ts"

const id = "6911188411932033028"
const size = { width: 1080, height: 660 }

const server = Simulator.layerServer({
  control: true,
  meetings: [{ id, topic: "Weekly sync", host: "ou_alice", participants: ["ou_bob", "ou_carol", "ou_dave"] }],
  rivals: [{ _tag: "BeforeSwap", nth: 3, host: "ou_erin" }],
  faults: [{ endpoint: "set_host", nth: 1, fault: { _tag: "DropAfter" } }],
  latency: "15 millis"
}).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

const contend = (baseUrl: string, name: string, user: string) =>
  Meetings.setHost(MeetingId.make(id), Cas.ensure(MeetingUser.openId(user))).pipe(
    Effect.provide(Lark.layer({ ...Simulator.defaultApp, baseUrl })),
    Effect.provide(Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.setHeader("x-simulator-client", name)))
    )),
    Effect.provide(NodeHttpClient.layerNodeHttp)
  )

/** The picture with a palette of the most frequent colors, which takes a third of the bytes. */
const indexed = async (browser: Browser, png: Buffer): Promise<Buffer> => {
  const page = await browser.newPage()
  const data = await page.evaluate(async (source) => {
    const bitmap = await createImageBitmap(await (await fetch(source)).blob())
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")
    if (context === null) throw new Error("The browser has no canvas")
    context.drawImage(bitmap, 0, 0)
    return Array.from(context.getImageData(0, 0, bitmap.width, bitmap.height).data)
  }, `data:image/png;base64,${png.toString("base64")}`)
  const bytes = Buffer.from(data)
  const colors = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUIntBE(4 * at, 3))
  const counts = new Map<number, number>()
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1)
  const palette = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, 64).map(([color]) => color)
  const distance = (a: number, b: number) =>
    [16, 8, 0].reduce((sum, shift) => sum + ((a >> shift & 255) - (b >> shift & 255)) ** 2, 0)
  const nearest = new Map([...counts.keys()].map((color) => [
    color,
    palette.reduce((best, one, at) => distance(one, color) < distance(palette[best] ?? 0, color) ? at : best, 0)
  ]))
  const pixels = colors.map((color) => nearest.get(color) ?? 0)

  const chunk = (type: string, data: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type), data])
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    checksum.writeUInt32BE(crc32(named))
    return Buffer.concat([length, named, checksum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size.width)
  header.writeUInt32BE(size.height, 4)
  // Eight bits a pixel, with a palette.
  header.set([8, 3], 8)
  const lines = Array.from({ length: size.height }, (_, y) => [
    0,
    ...pixels.slice(y * size.width, (y + 1) * size.width)
  ])
  return Buffer.concat([
    Buffer.from([0x89, ...Buffer.from("PNG\r\n\x1a\n")]),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap((color) => [color >> 16, color >> 8 & 255, color & 255]))),
    chunk("IDAT", deflateSync(Buffer.from(lines.flat()), { level: 9 })),
    chunk("IEND", Buffer.alloc(0))
  ])
}

const take = Effect.gen(function*() {
  const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const browser = yield* Effect.acquireRelease(Effect.promise(launch), (opened) => Effect.promise(() => opened.close()))
  const page = yield* Effect.promise(() => browser.newPage({ viewport: size }))
  yield* Effect.promise(() => page.goto(url))
  yield* Effect.promise(() => page.getByText("Connected", { exact: true }).waitFor())
  yield* Effect.all(
    [contend(url, "billing", "ou_bob"), contend(url, "recorder", "ou_carol"), contend(url, "night job", "ou_dave")],
    { concurrency: "unbounded" }
  )
  yield* Effect.promise(() => page.locator("#log .won").nth(2).waitFor())
  const png = yield* Effect.promise(() => page.screenshot())
  return yield* Effect.promise(() => indexed(browser, png))
})

const png = await Effect.runPromise(take.pipe(Effect.scoped, Effect.provide(server)))
writeFileSync(new URL("../docs/figures/room.png", import.meta.url), png)
