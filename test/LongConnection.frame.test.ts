/**
 * The frames of long connections, of client and simulator, against those of the official SDK.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Option, Schema } from "effect"
import * as client from "effect-lark-meetings/LongConnection/frame"
import * as simulator from "effect-lark-meetings/Simulator/frame"
import * as pbbp2 from "./fixtures/pbbp2.ts"

const codecs = [["client", client], ["simulator", simulator]] as const

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))
const text = (text: string) => new TextEncoder().encode(text)

const base = { seqId: 0n, logId: 0n, service: 1, method: 0, headers: [] }

const vectors: ReadonlyArray<readonly [name: string, frame: client.Frame, hex: string]> = [
  [
    "a ping",
    { ...base, service: 33554678, headers: [["type", "ping"]] },
    "0800100018f681801020002a0c0a0474797065120470696e67"
  ],
  [
    "a pong with settings",
    { ...base, headers: [["type", "pong"]], payload: text(`{"PingInterval":90}`) },
    "08001000180120002a0c0a04747970651204706f6e6742137b2250696e67496e74657276616c223a39307d"
  ],
  [
    "an acknowledgement",
    {
      seqId: 7n,
      logId: 9n,
      service: 1,
      method: 1,
      headers: [["type", "event"], ["message_id", "m1"], ["sum", "1"], ["seq", "0"]],
      payload: text(`{"code":200}`),
      logIdNew: "L"
    },
    "08071009180120012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a03736571120130420c7b22636f6465223a3230307d4a014c"
  ],
  [
    "the largest and a negative number",
    { ...base, seqId: 2n ** 64n - 1n, service: -1, method: 1 },
    "08ffffffffffffffffff01100018ffffffffffffffffff012001"
  ]
]

// Every byte of a number and every length of a chunk is worth a try.
const Uint64 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 })).pipe(Arbitrary.schema)
const Int32 = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 })))
const Fill = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 })))
const Text = Arbitrary.schema(Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed())))
const Bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
  maxLength: 300
})

const uint64 = Arbitrary.map(
  Arbitrary.all([Uint64, Fill, Fill]),
  ([bits, high, low]) => BigInt.asUintN(bits, (BigInt(high) << 33n) ^ BigInt(low))
)

const optional = <A>(arbitrary: Arbitrary.Arbitrary<A>) =>
  Arbitrary.map(Arbitrary.array(arbitrary, { maxLength: 1 }), ([value]) => value)

const frames: Arbitrary.Arbitrary<client.Frame> = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.all([uint64, uint64, Int32, Int32]),
    Arbitrary.array(Arbitrary.all([Text, Text]), { maxLength: 4 }),
    Arbitrary.all([optional(Text), optional(Text), optional(Bytes), optional(Text)])
  ]),
  ([[seqId, logId, service, method], headers, [payloadEncoding, payloadType, payload, logIdNew]]) => ({
    seqId,
    logId,
    service,
    method,
    headers,
    payloadEncoding,
    payloadType,
    payload: payload && new Uint8Array(payload),
    logIdNew
  })
)

/** A 64-bit number as protobufjs takes it without the `long` package. */
const bits = (value: bigint) => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n))
})

const official = (frame: client.Frame) =>
  pbbp2.Frame.encode({
    SeqID: bits(frame.seqId),
    LogID: bits(frame.logId),
    service: frame.service,
    method: frame.method,
    headers: frame.headers.map(([key, value]) => ({ key, value })),
    ...(frame.payloadEncoding === undefined ? {} : { payloadEncoding: frame.payloadEncoding }),
    ...(frame.payloadType === undefined ? {} : { payloadType: frame.payloadType }),
    ...(frame.payload === undefined ? {} : { payload: frame.payload }),
    ...(frame.logIdNew === undefined ? {} : { LogIDNew: frame.logIdNew })
  }).finish()

const runs = { arbitrary: { runs: 500 } }

describe.each(codecs)("the frames of the %s", (_, codec) => {
  it.each(vectors)("have the bytes of %s", (_, frame, expected) => {
    assert.strictEqual(hex(codec.encode(frame)), expected)
    assert.deepInclude(Option.getOrThrow(codec.decode(bytes(expected))), frame)
  })

  it.prop("have the bytes of the official SDK, and are read by it", { frame: frames }, ({ frame }) => {
    const encoded = codec.encode(frame)
    assert.strictEqual(hex(encoded), hex(official(frame)))
    const { LogIDNew, headers, method, payload, payloadEncoding, payloadType, service } = pbbp2.Frame.decode(encoded)
    assert.deepStrictEqual(headers?.map(({ key, value }) => [key, value] as const), frame.headers)
    assert.deepStrictEqual([service, method], [frame.service, frame.method])
    // Its messages have defaults for what is absent.
    assert.deepStrictEqual([payloadEncoding, payloadType, LogIDNew], [
      frame.payloadEncoding ?? "",
      frame.payloadType ?? "",
      frame.logIdNew ?? ""
    ])
    assert.strictEqual(hex(new Uint8Array(payload ?? [])), hex(frame.payload ?? new Uint8Array()))
  }, runs)

  it.prop("are read from the bytes of the official SDK", { frame: frames }, ({ frame }) => {
    assert.deepStrictEqual(Option.getOrThrow(codec.decode(official(frame))), frame)
  }, runs)

  it("are read with fields that are unknown, of another type, or that come twice", () => {
    const known = "08001000180120002a0c0a04747970651204706f6e67"
    const read = (added: string) => Option.getOrThrow(codec.decode(bytes(known + added)))
    const plain = read("")
    // A number, 8 bytes, a chunk, 4 bytes and a group in a group under number 15, then a number and a chunk under 1,000.
    const group = "7b08077b4a01627c7c"
    for (const added of ["78ff01", "790102030405060708", "7a03616263", "7d01020304", group, "c03e01", "c23e0161"]) {
      assert.doesNotThrow(() => pbbp2.Frame.decode(bytes(known + added)))
      assert.deepStrictEqual(read(added), plain, added)
    }
    // SeqID as a chunk, the headers as a number.
    assert.deepStrictEqual(read("0a01612801"), plain)
    assert.strictEqual(read("08050807").seqId, 7n)
    assert.deepStrictEqual(read("4a01614a0162").logIdNew, "b")
  })

  it.each([
    ["nothing", ""],
    ["no method", "080010001801"],
    ["a header without a value", "08001000180120002a060a0474797065"],
    ["a header that is cut", "08001000180120002a020a04"],
    ["a number that ends", "08001000180120ff"],
    ["a number of eleven bytes", "08001000180120ffffffffffffffffffffff01"],
    ["a chunk that ends", "080010001801200042ff01"],
    ["a group that does not end", "08001000180120007b0807"],
    ["a group that does not begin", "08001000180120007c"],
    ["a wire type that does not exist", "08001000180120007e"],
    ["field 0", "08001000180120000001"]
  ])("are none with %s", (_, given) => {
    assert.isTrue(Option.isNone(codec.decode(bytes(given))))
  })

  it.prop("are never an exception, whatever the bytes", { garbage: Bytes }, ({ garbage }) => {
    assert.isTrue(Option.isOption(codec.decode(new Uint8Array(garbage))))
  }, runs)

  it.prop(
    "are never an exception when they are cut or a bit is flipped",
    { frame: frames, at: Fill },
    ({ at, frame }) => {
      const encoded = codec.encode(frame)
      assert.isTrue(Option.isOption(codec.decode(encoded.subarray(0, at % encoded.length))))
      const flipped = encoded.map((byte, index) => index === at % encoded.length ? byte ^ (1 << (at % 8)) : byte)
      assert.isTrue(Option.isOption(codec.decode(flipped)))
    },
    runs
  )
})
