/**
 * A reply as it is sent. `code` repeats the one in the body, for the log of requests.
 *
 * @stability unstable
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly code: number | undefined
  readonly contentType: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const meetingErrors = {
  121001: [500, "internal error"],
  121002: [400, "not support"],
  121003: [400, "param error"],
  121004: [404, "data not exist"],
  121005: [403, "no permission"],
  121006: [409, "data conflict"],
  122001: [400, "meeting status unexpected"],
  122002: [404, "meeting not exist"],
  122003: [400, "operator user not in meeting"],
  122004: [400, "target user not in meeting"],
  122005: [400, "cannot operate self"],
  122006: [400, "participant count reach limit"],
  122007: [400, "callee is busy"],
  122008: [400, "meeting is locked"],
  122009: [400, "participant status not expected"],
  123002: [400, "record param error"],
  123003: [400, "assign host exceed max limit 10"],
  123004: [400, "assign host error"],
  123006: [400, "invalid password"],
  124002: [400, "record processing"]
} as const

/**
 * The codes of the meeting endpoints.
 *
 * @stability unstable
 * @category models
 */
export type MeetingCode = keyof typeof meetingErrors

/**
 * A JSON body as it is, without an envelope around it.
 *
 * @stability unstable
 * @category replies
 */
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

/**
 * A success: the envelope with code 0 and this data.
 *
 * @stability unstable
 * @category replies
 */
export const success = (data: object): Reply => json(200, { code: 0, msg: "success", data })

/**
 * A failure with a code of the meeting endpoints, its documented status and message.
 *
 * @stability unstable
 * @category replies
 */
export const failure = (code: MeetingCode, data?: object): Reply => {
  const [status, msg] = meetingErrors[code]
  return json(status, { code, msg, ...(data === undefined ? {} : { data }) })
}

export const internalError = (code: number, msg: string) => (status: number): Reply => json(status, { code, msg })

/** A refusal by the gateway in front of every endpoint: a 9999xxxx code with details in `error`. */
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

export const is = (value: unknown): value is Reply =>
  typeof value === "object" && value !== null && "contentType" in value && "headers" in value

/** An HTML page for the user. */
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
