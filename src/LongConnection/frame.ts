/**
 * Encodes and decodes the frames of a long connection: `pbbp2.Frame`, protobuf 2.
 *
 * **Details**
 *
 * Written by hand, in less than 1 kB after gzip: the runtime of protobufjs alone has 11 kB. Unknown fields are skipped, and so
 * are known ones with another wire type. A field that comes twice has its last value.
 */
import * as Bytes from "effect/Bytes"
import * as Option from "effect/Option"
import { decode as textOf, encode as bytesOf } from "../internal/text.ts"

/** A header may come more than once. */
export type Header = readonly [key: string, value: string]

export interface Frame {
  readonly seqId: bigint
  readonly logId: bigint
  readonly service: number
  /** 0 for control frames, 1 for data. */
  readonly method: number
  readonly headers: ReadonlyArray<Header>
  readonly payloadEncoding?: string | undefined
  readonly payloadType?: string | undefined
  readonly payload?: Uint8Array | undefined
  readonly logIdNew?: string | undefined
}

const varint = (value: bigint): Array<number> => {
  const bytes: Array<number> = []
  // A negative int32 is sent as 64 bits.
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return bytes
}

const number = (field: number, value: bigint | number) => new Uint8Array([field << 3, ...varint(BigInt(value))])

const chunk = (field: number, value: Uint8Array | string | undefined): ReadonlyArray<Uint8Array> => {
  if (value === undefined) return []
  const bytes = typeof value === "string" ? bytesOf(value) : value
  return [new Uint8Array([(field << 3) | 2, ...varint(BigInt(bytes.length))]), bytes]
}

export const encode = (frame: Frame): Uint8Array<ArrayBuffer> =>
  Bytes.concat([
    number(1, frame.seqId),
    number(2, frame.logId),
    number(3, frame.service),
    number(4, frame.method),
    ...frame.headers.flatMap(([key, value]) => chunk(5, Bytes.concat([...chunk(1, key), ...chunk(2, value)]))),
    ...chunk(6, frame.payloadEncoding),
    ...chunk(7, frame.payloadType),
    ...chunk(8, frame.payload),
    ...chunk(9, frame.logIdNew)
  ])

type Visit = (field: number, value: bigint | Uint8Array) => void

/** Visits the numbers and chunks of a message. Returns whether its bytes are a message. */
const read = (bytes: Uint8Array, visit: Visit): boolean => {
  let at = 0
  /** `undefined` if the bytes end, or if it is longer than ten bytes. */
  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    return undefined
  }
  /** In how many unknown groups, the older form of a message in a message. */
  let depth = 0
  while (at < bytes.length) {
    const tag = varint()
    if (tag === undefined || tag < 8n) return false
    const field = Number(tag >> 3n)
    const type = Number(tag & 7n)
    let value: bigint | Uint8Array | undefined
    if (type === 0) {
      value = varint()
      if (value === undefined) return false
    } else if (type === 2) {
      const length = varint()
      if (length === undefined || length > bytes.length - at) return false
      value = bytes.subarray(at, at += Number(length))
    } else if (type === 3) depth++
    else if (type === 4) depth--
    else if (type === 1 || type === 5) at += type === 1 ? 8 : 4
    else return false
    if (at > bytes.length || depth < 0) return false
    if (value !== undefined && depth === 0) visit(field, value)
  }
  return depth === 0
}

const decodeHeader = (bytes: Uint8Array): Header | undefined => {
  const texts: Array<string | undefined> = []
  const isMessage = read(bytes, (field, value) => {
    if (field < 3 && typeof value === "object") texts[field] = textOf(value)
  })
  const [, key, value] = texts
  return isMessage && key !== undefined && value !== undefined ? [key, value] : undefined
}

const int32 = (value: bigint | undefined) => value === undefined ? undefined : Number(BigInt.asIntN(32, value))

/** The frame in these bytes; none if they are not one, or if a required field is missing. */
export const decode = (bytes: Uint8Array): Option.Option<Frame> => {
  const numbers: Array<bigint | undefined> = []
  const chunks: Array<Uint8Array | undefined> = []
  const headers: Array<Header | undefined> = []
  const isMessage = read(bytes, (field, value) => {
    if (typeof value === "bigint") {
      if (field < 5) numbers[field] = value
    } else if (field === 5) {
      headers.push(decodeHeader(value))
    } else if (field < 10) {
      chunks[field] = value
    }
  })
  const [, seqId, logId] = numbers
  const service = int32(numbers[3])
  const method = int32(numbers[4])
  const known = headers.filter((header) => header !== undefined)
  if (
    !isMessage || seqId === undefined || logId === undefined || service === undefined || method === undefined ||
    known.length < headers.length
  ) return Option.none()
  const text = (bytes: Uint8Array | undefined) => bytes && textOf(bytes)
  return Option.some({
    seqId,
    logId,
    service,
    method,
    headers: known,
    payloadEncoding: text(chunks[6]),
    payloadType: text(chunks[7]),
    payload: chunks[8],
    logIdNew: text(chunks[9])
  })
}

/** The first value of a header. */
export const headerOf = (frame: Frame, key: string): string | undefined =>
  frame.headers.find(([name]) => name === key)?.[1]
