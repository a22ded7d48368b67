/** The origin and path of a request. */
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Url from "effect/http/Url"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

export interface Target {
  readonly origin: string
  /** Path and query. */
  readonly path: string
}

export const targetOf = (url: URL): Target => ({ origin: url.origin, path: url.pathname + url.search })

/** URLs that `URL` would return unchanged: lower case host, no dot segments, nothing to encode. */
const normalized = /^(https?:\/\/[a-z0-9.-]+(?::[1-9][0-9]*)?)(\/[\w/?=&-]*)$/

export const parseTarget = ({ hash, url, urlParams }: HttpClientRequest): Result.Result<Target, Url.UrlError> => {
  const [, origin, path] = urlParams.params.length === 0 && normalized.exec(url) || []
  return origin !== undefined && path !== undefined
    ? Result.succeed({ origin, path })
    : Result.map(Url.make(url, urlParams, Option.getOrUndefined(hash)), targetOf)
}
