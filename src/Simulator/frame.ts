import * as Option from "effect/Option"

/** A frame of a long connection: `pbbp2.Frame`, protobuf 2. */
export interface Frame {
  readonly seqId: bigint
  readonly logId: bigint
  readonly service: number
  readonly method: number
  readonly headers: ReadonlyArray<readonly [key: string, value: string]>
  readonly payloadEncoding?: string | undefined
  readonly payloadType?: string | undefined
  readonly payload?: Uint8Array | undefined
  readonly logIdNew?: string | undefined
}

type Field = readonly [number: number, value: bigint | Uint8Array]

const utf8 = new TextEncoder()

const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

const varint = (value: bigint): ReadonlyArray<number> =>
  value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)]

const message = (fields: ReadonlyArray<Field>): Uint8Array<ArrayBuffer> => {
  const parts = fields.flatMap(([number, value]) =>
    typeof value === "bigint"
      ? [new Uint8Array([number << 3, ...varint(BigInt.asUintN(64, value))])]
      : [new Uint8Array([(number << 3) | 2, ...varint(BigInt(value.length))]), value]
  )
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export const encode = (frame: Frame): Uint8Array<ArrayBuffer> => {
  const optional = (number: number, value: string | Uint8Array | undefined): ReadonlyArray<Field> =>
    value === undefined ? [] : [[number, typeof value === "string" ? utf8.encode(value) : value]]
  return message([
    [1, frame.seqId],
    [2, frame.logId],
    [3, BigInt(frame.service)],
    [4, BigInt(frame.method)],
    ...frame.headers.map(([key, value]): Field => [5, message([[1, utf8.encode(key)], [2, utf8.encode(value)]])]),
    ...optional(6, frame.payloadEncoding),
    ...optional(7, frame.payloadType),
    ...optional(8, frame.payload),
    ...optional(9, frame.logIdNew)
  ])
}

/** The fields of a message, as far as they have a wire type of the frame. */
const fieldsOf = (bytes: Uint8Array): ReadonlyArray<Field> | undefined => {
  const fields: Array<Field> = []
  let rest = bytes
  const number = (): bigint | undefined => {
    const end = rest.findIndex((byte) => byte < 128)
    if (end === -1 || end > 9) return undefined
    const value = rest.subarray(0, end + 1).reduceRight((high, byte) => (high << 7n) | BigInt(byte & 127), 0n)
    rest = rest.subarray(end + 1)
    return BigInt.asUintN(64, value)
  }
  const take = (length: number): Uint8Array | undefined => {
    if (length > rest.length) return undefined
    const taken = rest.subarray(0, length)
    rest = rest.subarray(length)
    return taken
  }
  let groups = 0
  while (rest.length > 0) {
    const tag = number()
    if (tag === undefined || tag >> 3n === 0n) return undefined
    const type = tag & 7n
    // The begin and the end of a group, whose fields are unknown.
    if (type === 3n || type === 4n) {
      groups += type === 3n ? 1 : -1
      if (groups < 0) return undefined
      continue
    }
    const length = type === 2n ? number() : type === 1n ? 8n : type === 5n ? 4n : undefined
    const value = type === 0n ? number() : length === undefined ? undefined : take(Number(length))
    if (value === undefined) return undefined
    if (groups === 0 && (type === 0n || type === 2n)) fields.push([Number(tag >> 3n), value])
  }
  return groups === 0 ? fields : undefined
}

export const decode = (bytes: Uint8Array): Option.Option<Frame> => {
  const fields = fieldsOf(bytes) ?? []
  const numberAt = (at: number) => fields.findLast(([field, value]) => field === at && typeof value === "bigint")?.[1]
  const chunkAt = (at: number, of: ReadonlyArray<Field> = fields) =>
    of.findLast(([field, value]) => field === at && typeof value === "object")?.[1]
  const text = (value: bigint | Uint8Array | undefined) => typeof value === "object" ? textOf(value) : undefined
  const int32 = (value: bigint | Uint8Array | undefined) =>
    typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : undefined

  const headers = fields.flatMap(([field, value]) => {
    if (field !== 5 || typeof value === "bigint") return []
    const pair = fieldsOf(value) ?? []
    return [[text(chunkAt(1, pair)), text(chunkAt(2, pair))]]
  })
  const complete = headers.flatMap(([key, value]) =>
    key === undefined || value === undefined ? [] : [[key, value] as const]
  )
  const [seqId, logId, service, method] = [numberAt(1), numberAt(2), int32(numberAt(3)), int32(numberAt(4))]
  const payload = chunkAt(8)
  return typeof seqId !== "bigint" || typeof logId !== "bigint" || service === undefined || method === undefined
      || complete.length < headers.length
    ? Option.none()
    : Option.some({
      seqId,
      logId,
      service,
      method,
      headers: complete,
      payloadEncoding: text(chunkAt(6)),
      payloadType: text(chunkAt(7)),
      payload: typeof payload === "object" ? payload : undefined,
      logIdNew: text(chunkAt(9))
    })
}
