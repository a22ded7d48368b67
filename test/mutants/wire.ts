/** What a request or a reply proves, how much of a reply is read, and what of it is shown. */
import { type Mutant, testIn } from "./Mutant.ts"

const exchange = "src/internal/exchange.ts"
const execute = "src/internal/execute.ts"
const envelope = "src/internal/envelope.ts"
const secrets = "src/internal/secrets.ts"
const generic = "src/LarkError/generic.ts"
const undici = "src/UndiciHttpClient.ts"

const answer = testIn("LarkHttp.answer")
const bodies = testIn("LarkHttp.bounds")
const http2 = testIn("http2")
const middleware = testIn("LarkHttp.middleware")
const proxies = testIn("LarkHttp.proxies")
const spellings = testIn("secrets.spellings")
const tls = testIn("tls")
const transports = testIn("transports")

export const mutants: ReadonlyArray<Mutant> = [
  // What is proved.
  {
    name: "wire: an error of TLS says that nothing was sent",
    file: exchange,
    find: "UND_ERR_CONNECT_TIMEOUT|",
    replace: "UND_ERR_CONNECT_TIMEOUT|ERR_SSL_\\w+|ECONNRESET|",
    killer: tls("a connection that is reset after the request may have been executed")
  },
  {
    name: "wire: a certificate that is refused may have been sent to",
    file: exchange,
    find: "|(DEPTH_ZERO_)?SELF_SIGNED_CERT\\w*)$/",
    replace: ")$/",
    killer: tls("a certificate that is not trusted is an unexecuted request")
  },
  {
    name: "wire: a handshake that failed may have been a request",
    file: undici,
    find: `else if (this.reason === undefined) departures.set(error, "never")`,
    replace: "",
    killer: tls("a handshake that is reset is an unexecuted request, where the client can tell")
  },
  {
    name: "wire: the last of several connections decides",
    file: exchange,
    find: ` && departure !== "repeated"`,
    replace: "",
    killer: middleware("claims nothing where the second is not connected")
  },
  {
    name: "wire: the last of several answers decides",
    file: execute,
    find: "isResent: isResent()",
    replace: "isResent: false",
    killer: middleware("claims nothing where the second is refused")
  },
  {
    name: "wire: undici repeats a swap",
    file: undici,
    find: "if (this.controller !== undefined && !isSafe.test(this.request.method)) {",
    replace: "if (this.size < 0) {",
    killer: http2(
      "a swap that the server refuses as not processed is sent again by Effect's client, not by this library's"
    )
  },
  {
    name: "wire: HTTP 429 proves that nothing was executed",
    file: generic,
    find: "  override get kind() {\n    return this.status >= 500",
    replace:
      "  override get retry() {\n    return this.status === 429 ? \"wait\" : \"unknown\"\n  }\n  override get kind() {\n    return this.status >= 500",
    killer: proxies("a limit of rates leaves it open whether the call was executed")
  },
  {
    name: "wire: code 0 is a success with any status",
    file: envelope,
    find: "if (code === 0 && !isSuccess)",
    replace: "if (code === 0 && status < 0)",
    killer: proxies("a success with HTTP 502 leaves it open whether the call was executed")
  },
  {
    name: "wire: a code in another notation, such as 0x0, is accepted",
    file: envelope,
    find: String.raw`/^-?\d+$/.test(code)`,
    replace: `code.trim() !== ""`,
    killer: proxies("a code that is no number leaves it open whether the call was executed")
  },
  {
    name: "wire: a call whose token failed may have been executed",
    file: "src/LarkHttp.ts",
    find: `error.retry === "unknown"`,
    replace: `error.endpoint === ""`,
    killer: proxies("a failure of the platform in place of the token says that the call was not executed")
  },
  {
    name: "wire: a failure at a status is no reply",
    file: execute,
    find: `"StatusCodeError",
      ({ response }) => Effect.succeed(response)`,
    replace: `"EmptyBodyError",
      ({ response }) => Effect.succeed(response)`,
    killer: transports("a client that fails at a status still gets a conflict as a conflict")
  },
  {
    name: "wire: redirects are followed",
    file: execute,
    find: `redirect: "manual"`,
    replace: `redirect: "follow"`,
    killer: transports("a redirect is not followed: no other server gets the token or the app secret")
  },
  {
    name: "wire: any coding is accepted",
    file: "src/internal/request.ts",
    find: `"accept-encoding": "identity"`,
    replace: `"x-coding": "identity"`,
    killer: transports("a reply is not compressed unless that was asked for, and a request is sent once")
  },
  // Bounds.
  {
    name: "wire: replies have no bound",
    file: execute,
    find: "maxBodyBytes = 10 * 1024 * 1024",
    replace: "maxBodyBytes = 100 * 1024 * 1024",
    killer: bodies("stops to read soon after the bound, with a reply longer than V8's strings and without an end")
  },
  {
    name: "wire: a short chunk costs its length",
    file: execute,
    find: "Math.max(byteLength, 100)",
    replace: "byteLength",
    killer: bodies("counts short chunks for what they take of memory")
  },
  {
    name: "wire: a length before decoding is believed",
    file: execute,
    find: ` && !headers["content-encoding"]`,
    replace: "",
    killer: bodies("does not believe the length of a reply that was decoded")
  },
  {
    name: "wire: a server may ask for any wait",
    file: envelope,
    find: "longestWait = Duration.minutes(1)",
    replace: "longestWait = Duration.infinity",
    killer: answer("asks for a minute at most, whatever it says")
  },
  {
    name: "wire: a message is as long as the server makes it",
    file: secrets,
    find: "mostShown = 1_000",
    replace: "mostShown = 1_000_000",
    killer: spellings("has a thousand characters of a server at most, without half a secret at their end")
  },
  // What is shown.
  {
    name: "wire: one layer of encoding is undone",
    file: secrets,
    find: "layer = decoded(inner)",
    replace: "layer = layer === text ? decoded(inner) : inner",
    killer: spellings("has no secret that is spelled percent-encoded twice")
  },
  {
    name: "wire: a secret in capitals is another",
    file: secrets,
    find: "text.toLowerCase().includes(secret.toLowerCase())",
    replace: "text.includes(secret)",
    killer: spellings("has no secret that is spelled in upper case")
  },
  {
    name: "wire: format characters are shown",
    file: secrets,
    find: String.raw`[\p{Cc}\p{Cf}\p{Cs}`,
    replace: String.raw`[\p{Cc}\p{Cs}`,
    killer: spellings("has the control characters of a server escaped")
  },
  {
    name: "wire: a span keeps the body",
    file: "src/internal/telemetry.ts",
    find: "code === 0 ? Exit.asVoid(exit)",
    replace: "code === 0 ? exit",
    killer: spellings("ends without the body, which may have a token")
  }
]
