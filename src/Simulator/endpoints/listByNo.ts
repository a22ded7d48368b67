import type { ArrivedRequest } from "../ArrivedRequest.ts"
import { isKept } from "../Meeting.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"
import { isReadableBy } from "./getMeeting.ts"

/** A whole number that is not negative. */
const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined

/** `GET /vc/v1/meetings/list_by_no`. A page token is the number of the page, as in the documentation's example. */
export const listByNo = ({ now, operator, query }: ArrivedRequest<"either">, world: World): Reply.Reply => {
  const number = query["meeting_no"] ?? ""
  const from = whole(query["start_time"])
  const until = whole(query["end_time"])
  const size = whole(query["page_size"] ?? "20")
  const page = whole(query["page_token"] || "1")
  if (!/^\d{9}$/.test(number) || from === undefined || until === undefined || from >= until) {
    return Reply.failure(121003)
  }
  if (size === undefined || size < 1 || size > 50 || page === undefined || page < 1) return Reply.failure(121003)

  const found = [...world.meetings.values()]
    .filter((meeting) => meeting.meetingNo === number && isReadableBy(meeting, operator) && isKept(meeting, now))
    .filter(({ startedAt }) => startedAt >= from * 1000 && startedAt <= until * 1000)
    .toSorted((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1))
  if (world.behavior.briefOrder === "oldestFirst") found.reverse()
  const briefs = found.slice((page - 1) * size, page * size).map(({ id, meetingNo, topic }) => ({
    id,
    topic,
    url: `https://vc.feishu.cn/j/${meetingNo}`,
    meeting_no: meetingNo,
    password: "",
    meeting_connect: false,
    note_id: ""
  }))
  const hasMore = page * size < found.length
  return Reply.success({
    has_more: hasMore,
    ...(hasMore ? { page_token: String(page + 1) } : {}),
    ...(briefs.length === 0 ? {} : { meeting_briefs: briefs })
  })
}
