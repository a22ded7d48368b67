/**
 * An answer as it goes on the wire. `code` repeats the one in the body, for the request log.
 */
export interface Reply {
  readonly status: number
  readonly code: number | undefined
  readonly contentType: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const statusOf = {
  121001: 500,
  121002: 400,
  121003: 400,
  121004: 404,
  121005: 403,
  121006: 409,
  122001: 400,
  122002: 404,
  122003: 400,
  122004: 400,
  122005: 400,
  122009: 400
} as const

export type MeetingCode = keyof typeof statusOf

const messageOf: Record<MeetingCode, string> = {
  121001: "internal error",
  121002: "not support",
  121003: "param error",
  121004: "data not exist",
  121005: "no permission",
  121006: "data conflict",
  122001: "meeting status unexpected",
  122002: "meeting not exist",
  122003: "operator user not in meeting",
  122004: "target user not in meeting",
  122005: "cannot operate self",
  122009: "participant status not expected"
}

export const json = (status: number, body: { readonly code: number; readonly [key: string]: unknown }): Reply => ({
  status,
  code: body.code,
  contentType: "application/json; charset=utf-8",
  body: JSON.stringify(body),
  headers: {}
})

export const text = (status: number, body: string, contentType = "text/plain; charset=utf-8"): Reply => ({
  status,
  code: undefined,
  contentType,
  body,
  headers: {}
})

export const success = (data: object): Reply => json(200, { code: 0, msg: "success", data })

export const failure = (code: MeetingCode, data?: object): Reply =>
  json(statusOf[code], { code, msg: messageOf[code], ...(data === undefined ? {} : { data }) })

/**
 * A refusal by the gateway in front of every endpoint: the 9999xxxx codes, which explain themselves in `error`.
 */
export const refusal = (
  status: number,
  code: number,
  msg: string,
  logId: string,
  details: Readonly<Record<string, unknown>> = {}
): Reply =>
  json(status, {
    code,
    msg,
    error: {
      log_id: logId,
      troubleshooter: `Troubleshooting: https://open.feishu.cn/search?from=openapi&log_id=${logId}&code=${code}`,
      ...details
    }
  })

export const is = (value: object): value is Reply => "contentType" in value && "headers" in value

/** A page for the eyes of a user. */
export const page = (status: number, code: number | undefined, title: string): Reply => ({
  ...text(status, `<!doctype html><title>Feishu, simulated</title><h1>${title}</h1>\n`, "text/html; charset=utf-8"),
  code
})

export const redirect = (location: string): Reply => withHeaders(text(302, ""), { location })

export const withHeaders = (reply: Reply, headers: Readonly<Record<string, string>>): Reply => ({
  ...reply,
  headers: { ...reply.headers, ...headers }
})

export const notFound = text(404, "404 page not found")
