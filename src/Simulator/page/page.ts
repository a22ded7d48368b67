/**
 * The page of a simulator: shows what its stream tells, and controls it.
 *
 * A program for browsers. `npm run page` puts it with its HTML and its CSS into `../control/page.ts`.
 */
import type { Happening } from "../Happening.ts"

/** A value as it arrives in JSON: `null` where it is `undefined`. */
type Json<A> = A extends undefined ? null
  : A extends string | number | boolean ? A
  : A extends ReadonlyArray<infer B> ? ReadonlyArray<Json<B>>
  : A extends object ? { readonly [K in keyof A]: Json<A[K]> }
  : A

type Told = Json<Happening>
type Of<Tag> = Extract<Told, { readonly _tag: Tag }>
type Meeting = Of<"Meeting">["meeting"]
type Request = Of<"Request">["request"]
type User = Of<"Write">["write"]["after"]

/**
 * Who sent a request: the client that its headers name, and the user or the app of its token. A request for a token has no
 * operator yet.
 */
type Sender = Pick<Request, "client" | "operator">

/** A row of the log. */
interface Row {
  readonly at: number
  /** What it is about, what came of it, and how long that took. */
  readonly text: string
  readonly result?: string
  readonly millis?: number
  readonly look?: "won" | "lost" | "bad" | "warn"
  /** Who sent it, for a request. */
  readonly sender?: Sender
}

// The rest of the log is at /_simulator/requests and the like.
const mostRows = 200
const mostLanes = 8
const retryMillis = 1_000
// The simulator sends a comment every 15 seconds.
const silenceMillis = 40_000

const byId = <E extends HTMLElement>(type: new() => E, id: string): E => {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`The page has no ${id}`)
}

/** Strings become text, whatever is in them. */
const make = <K extends keyof HTMLElementTagNameMap>(tag: K, ...children: ReadonlyArray<Node | string>) => {
  const made = document.createElement(tag)
  made.append(...children)
  return made
}

const setText = (node: Node, text: string): void => {
  if (node.textContent !== text) node.textContent = text
}

const short = (text: string): string => text.length > 60 ? `${text.slice(0, 59)}…` : text

/** Names a user, as in a set. */
const keyOf = ({ openId, userType }: User): string => `${openId} ${userType}`

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

const connection = byId(HTMLElement, "connection")
const unlock = byId(HTMLFormElement, "unlock")
const keyField = byId(HTMLInputElement, "key")
const select = byId(HTMLSelectElement, "meeting")
const facts = byId(HTMLElement, "facts")
const people = byId(HTMLElement, "people")
const done = byId(HTMLElement, "done")
const legend = byId(HTMLElement, "lanes")
const log = byId(HTMLElement, "log")

/** Why there is no stream. */
class Refused extends Error {}

// ---- controls

let key = ""

const headers = (): Record<string, string> => key === "" ? {} : { authorization: `Bearer ${key}` }

/** Why a control was refused. */
const refusalIn = async (response: Response): Promise<string> => {
  const message = field(field(await response.json().catch(() => null), "error"), "message")
  return typeof message === "string" ? message : `HTTP ${response.status}`
}

const showResult = (what: string, refusal: string): void => {
  done.className = refusal && "refused"
  done.textContent = `${what}: ${refusal || "done"}`
}

/** Sends a control, and says what came of it. */
const control = async (what: string, path: string, body?: object): Promise<boolean> => {
  const refusal = await fetch(`_simulator/${path}`, {
    method: "POST",
    headers: headers(),
    body: body === undefined ? null : JSON.stringify(body)
  }).then((response) => response.ok ? "" : refusalIn(response), () => "the simulator does not answer")
  showResult(what, refusal)
  return refusal === ""
}

const change = (what: string, action: string, body?: object) =>
  select.value === ""
    ? showResult(what, "there is no meeting yet")
    : control(what, `meetings/${encodeURIComponent(select.value)}/${action}`, body)

const onClick = (button: HTMLElement, act: () => unknown) => button.addEventListener("click", act)

const onSubmit = (form: HTMLFormElement, act: (button: string) => unknown) =>
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    act(event.submitter instanceof HTMLButtonElement ? event.submitter.value : "")
  })

const fault = (what: string, fault: object) =>
  control(what, "faults", { faults: [{ endpoint: "set_host", nth: 0, fault }] })

onClick(byId(HTMLElement, "lose"), () => fault("The next set_host loses its reply", { _tag: "DropAfter" }))
onClick(
  byId(HTMLElement, "throttle"),
  () => fault("The next set_host is throttled", { _tag: "Throttle", reset: 1, status: 429 })
)
onClick(byId(HTMLElement, "end"), () => change("End", "end"))

onSubmit(byId(HTMLFormElement, "person"), (action) => {
  const user = byId(HTMLInputElement, "user").value
  return change(`${action === "host" ? "Make host" : "Join"}: ${user}`, action || "join", { user })
})

const freeId = (): string => {
  let id = 6911188411932033028n
  while (meetings.has(String(id))) id++
  return String(id)
}

onSubmit(byId(HTMLFormElement, "add"), async () => {
  const id = byId(HTMLInputElement, "id").value || freeId()
  if (await control(`New meeting ${id}`, "meetings", { id, host: byId(HTMLInputElement, "host").value })) {
    wanted = id
    const option = options.get(id)
    if (option !== undefined) option.selected = true
    schedule()
  }
})

// ---- meetings

let meetings = new Map<string, Meeting>()
const options = new Map<string, HTMLOptionElement>()
/** The meeting that was chosen by hand or added here: it may not be there yet, or not any more. */
let wanted: string | undefined

select.addEventListener("change", () => {
  wanted = select.value
  schedule()
})

const spaced = (status: string): string => status.replace("_", " ")

const setMeeting = (meeting: Meeting): void => {
  meetings.set(meeting.id, meeting)
  let option = options.get(meeting.id)
  if (option === undefined) {
    option = make("option")
    option.value = meeting.id
    options.set(meeting.id, option)
    select.append(option)
    if (meeting.id === wanted) option.selected = true
  }
  const status = meeting.status === "in_progress" ? "" : ` · ${meeting.status}`
  setText(option, `${short(meeting.topic)} · ${short(meeting.id)}${status}`)
}

const setMeetings = (all: ReadonlyArray<Meeting>): void => {
  meetings = new Map()
  options.clear()
  select.replaceChildren()
  for (const meeting of all) setMeeting(meeting)
}

interface Person {
  readonly row: HTMLElement
  readonly name: Node
  readonly status: Node
  readonly toggle: HTMLElement
}

/** By meeting and user. The rows stay, so that a button can be pressed while the host moves. */
const shownPeople = new Map<string, Person>()

const makePerson = ({ openId, userType }: User, name: string): Person => {
  const user = { id: openId, idType: "open_id", userType }
  const nameNode = make("bdi")
  const status = make("small")
  const toggle = make("button")
  const host = make("button", "Make host")
  host.ariaLabel = `Make host: ${name}`
  onClick(host, () => change(`Make host: ${name}`, "host", { user }))
  onClick(toggle, () => {
    const what = toggle.textContent
    return change(`${what}: ${name}`, what.toLowerCase(), { user })
  })
  const row = make("tr", make("th", nameNode, status), make("td", host, toggle))
  people.append(row)
  return { row, name: nameNode, status, toggle }
}

const showMeeting = (): void => {
  const meeting = meetings.get(select.value)
  setText(
    facts,
    meeting === undefined
      ? "There is no meeting yet. Add one."
      : `Number ${short(meeting.meetingNo)}, ${spaced(meeting.status)}, host: ${short(meeting.host?.name ?? "none")}`
  )
  const present = new Set<string>()
  for (const { status, user } of meeting?.participants ?? []) {
    const key = `${meeting?.id} ${keyOf(user)}`
    const name = short(user.name)
    const person = shownPeople.get(key) ?? makePerson(user, name)
    shownPeople.set(key, person)
    present.add(key)
    const host = meeting?.host
    person.row.className = host && keyOf(host) === keyOf(user) ? "host" : ""
    setText(person.name, name)
    setText(person.status, `${short(user.openId)} · ${spaced(status)}`)
    setText(person.toggle, status === "left" ? "Join" : "Leave")
    person.toggle.ariaLabel = `${person.toggle.textContent}: ${name}`
  }
  for (const [key, { row }] of shownPeople) {
    if (present.has(key)) continue
    row.remove()
    shownPeople.delete(key)
  }
}

// ---- the log

/** What is to be shown in the next frame: of a tab in the background there is none. */
let waiting: Array<Row> = []
const shownRows: Array<{ readonly row: HTMLElement; readonly lane: Lane | undefined }> = []

/** The column of a sender, as long as one of its requests is shown. */
interface Lane extends Sender {
  readonly number: number
  readonly label: HTMLElement
  rows: number
}

const lanes = new Set<Lane>()

const nameOf = ({ client, operator }: Sender): string =>
  [client, operator].flatMap((name) => name === null ? [] : [short(name)]).join(" as ") || "unknown client"

const laneOf = (sender: Sender): Lane | undefined => {
  const { client, operator } = sender
  const known = [...lanes].find((lane) => lane.client === client && (operator ?? lane.operator) === lane.operator)
  if (known !== undefined || operator === null) return known
  const used = Array.from(lanes, ({ number }) => number)
  let number = 1
  while (used.includes(number)) number++
  if (number > mostLanes) return undefined
  const label = make("span", nameOf({ client, operator: null }), make("small", short(operator)))
  label.className = "cell lane"
  label.title = nameOf(sender)
  label.style.setProperty("--lane", String(number))
  legend.append(label)
  const lane = { client, operator, number, label, rows: 0 }
  lanes.add(lane)
  return lane
}

const timeOfDay = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hour12: false
})

const addRow = ({ at, look, millis, result, sender, text }: Row): void => {
  const lane = sender && laneOf(sender)
  const cell = make("p")
  cell.className = `cell ${look ?? ""}`
  if (sender !== undefined) {
    const name = make("span", `${nameOf(sender)}: `)
    name.className = "client"
    cell.append(name)
  }
  cell.append(text)
  if (result !== undefined) cell.append(" ", make("b", result))
  if (millis !== undefined) cell.append(" ", make("small", `${millis} ms`))
  if (lane !== undefined) {
    lane.rows++
    cell.classList.add("lane")
    cell.style.setProperty("--lane", String(lane.number))
  }
  const row = make("li", make("time", timeOfDay.format(at)), cell)
  log.prepend(row)
  shownRows.unshift({ row, lane })
}

const removeRow = (): void => {
  const last = shownRows.pop()
  last?.row.remove()
  if (last?.lane === undefined || --last.lane.rows > 0) return
  last.lane.label.remove()
  lanes.delete(last.lane)
}

const add = (row: Row): void => {
  waiting.push(row)
  if (waiting.length > 2 * mostRows) waiting = waiting.slice(-mostRows)
}

const show = (): void => {
  showMeeting()
  for (const row of waiting.slice(-mostRows)) {
    addRow(row)
    if (shownRows.length > mostRows) removeRow()
  }
  waiting = []
  log.parentElement?.style.setProperty(
    "--lanes",
    String(Math.max(1, ...Array.from(lanes, ({ number }) => number)))
  )
}

let isScheduled = false
const schedule = (): void => {
  if (isScheduled) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    show()
  })
}

// ---- what happens

/** The name of a user of a meeting whom a body names by any kind of id. */
const nameIn = (meetingId: string, wire: unknown): string => {
  const id = field(wire, "id")
  if (typeof id !== "string") return "?"
  const user = meetings.get(meetingId)?.participants.find(({ user }) =>
    [user.openId, user.unionId, user.userId].includes(id)
  )
  return short(user?.user.name ?? id)
}

const rateLimited = 99991400
const dataConflict = 121006

const verdict = ({ code, status }: NonNullable<Request["reply"]>, applied: string): string => {
  if (code === 0) return applied
  if (code === dataConflict) return "conflict"
  return code === rateLimited ? "throttled" : `${status}${code === null ? "" : ` (${code})`}`
}

const requestRow = (request: Request, at: number): Row => {
  const { body, endpoint, executed, method, params, path, reply } = request
  const meetingId = params["meeting_id"] ?? ""
  const swaps = endpoint === "set_host"
  const what = swaps
    ? `set_host ${nameIn(meetingId, field(body, "old_host_user"))} → ${nameIn(meetingId, field(body, "host_user"))}`
    : endpoint === "unknown"
    ? `${method} ${short(path)}`
    : endpoint
  const ok = swaps ? "applied" : "ok"
  const replied = reply === null ? "no reply" : verdict(reply, ok)
  const really = executed === null ? (reply === null ? "not executed" : replied) : verdict(executed, ok)
  return {
    at,
    text: meetings.size > 1 && meetingId !== "" ? `${what} in ${short(meetingId)}` : what,
    result: replied === really ? replied : `${replied}, ${really}`,
    millis: at - request.at,
    ...(swaps && executed?.code === 0
      ? { look: "won" as const }
      : (reply?.code ?? -1) !== 0
      ? { look: "lost" as const }
      : {}),
    sender: request
  }
}

/** Who came and went, and whether it ended. */
const changesOf = (before: Meeting | undefined, after: Meeting): ReadonlyArray<string> => {
  if (before === undefined) return [`new meeting ${short(after.id)}`]
  const known = new Map(before.participants.map(({ status, user }) => [keyOf(user), status]))
  return [
    ...after.participants
      .filter(({ status, user }) => known.get(keyOf(user)) !== status)
      .map(({ status, user }) => `${short(user.name)}: ${spaced(status)}`),
    ...(before.status === after.status ? [] : [`the meeting is ${spaced(after.status)}`])
  ]
}

/** Whether the next `State` is the first of a stream. */
let isFirst = true
/** Whether changes of meetings may have been left out. */
let isBehind = false

const receive = (told: Told): void => {
  const { at } = told
  switch (told._tag) {
    case "State":
      if (!isFirst) add({ at, text: "reset", look: "warn" })
      isFirst = false
      setMeetings(told.meetings)
      break
    case "Request":
      add(requestRow(told.request, at))
      break
    case "Write": {
      const { after, before, by } = told.write
      const names = `${short(before?.name ?? "nobody")} → ${short(after.name)}`
      if (by !== "request") add({ at, text: by === "rival" ? "rival" : "by hand", result: names, look: "warn" })
      break
    }
    case "Fault":
      add({ at, text: "fault", result: `${told.fault._tag} on ${told.endpoint ?? told.event ?? "?"}`, look: "bad" })
      break
    case "Event": {
      const { attempts, type, via } = told.event
      const last = attempts.at(-1)
      add({ at, text: `event ${type} by ${spaced(via)}`, result: String(last?.status ?? "no answer") })
      break
    }
    case "Meeting":
      for (const text of changesOf(meetings.get(told.meeting.id), told.meeting)) add({ at, text })
      setMeeting(told.meeting)
      break
    case "Clock":
      add({ at, text: "clock", result: `${told.ahead / 1_000} s ahead`, look: "warn" })
      break
    case "Lost":
      add({ at, text: `${told.count} happenings are left out: the page is too slow`, look: "warn" })
      isBehind = true
      break
  }
  schedule()
}

// ---- the stream

const needsKey = Symbol()

/** Reads one stream until it ends. `EventSource` cannot send the key. */
const follow = async (): Promise<void | typeof needsKey> => {
  const abort = new AbortController()
  const giveUp = () => abort.abort()
  let timer = setTimeout(giveUp, silenceMillis)
  try {
    const response = await fetch("_simulator/stream", { headers: headers(), signal: abort.signal })
    if (response.status === 401) return needsKey
    if (!response.ok || response.body === null) throw new Refused(await refusalIn(response))
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    isFirst = true
    isBehind = false
    let rest = ""
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(giveUp, silenceMillis)
      const messages = (rest + value).split("\n\n")
      rest = messages.pop() ?? ""
      for (const message of messages) {
        const [, data] = /^data: (.*)$/m.exec(message) ?? []
        if (data === undefined) continue
        // The simulator that serves this page encodes a `Happening`.
        const told: Told = JSON.parse(data)
        receive(told)
        showConnection("Connected")
      }
      // A new stream begins with the state.
      if (isBehind) throw new Refused("too much happened at once")
    }
  } finally {
    clearTimeout(timer)
    giveUp()
  }
}

const showConnection = (text: string, isOff = false): void => {
  setText(connection, text)
  document.body.classList.toggle("off", isOff)
}

const unlocked = (): Promise<void> =>
  new Promise((resolve) => {
    unlock.hidden = false
    keyField.focus()
    unlock.addEventListener("submit", (event) => {
      event.preventDefault()
      key = keyField.value
      unlock.hidden = true
      resolve()
    }, { once: true })
  })

const run = async (): Promise<never> => {
  for (;;) {
    let why = ""
    try {
      if (await follow() === needsKey) {
        showConnection(key === "" ? "Not connected: the simulator wants its control key" : "The key is wrong", true)
        await unlocked()
        continue
      }
    } catch (error) {
      // The others are of the browser, which names no reasons.
      if (error instanceof Refused) why = `: ${error.message}`
    }
    showConnection(`Not connected${why}. Trying again …`, true)
    await new Promise((resolve) => setTimeout(resolve, retryMillis))
  }
}

void run()
