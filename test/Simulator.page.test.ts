/**
 * The page of a simulator, in Chromium.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { readFileSync } from "node:fs"
import type { Browser, Locator, Page } from "playwright-core"
import { afterAll, beforeAll, expect } from "vitest"
import { pageText } from "../scripts/page-text.ts"
import { launch, needsChromium, onPage, open } from "./fixtures/chromium.ts"
import { at, call, controlled, get, id, on, refusal } from "./fixtures/control.ts"

const key = Redacted.make("Zq7Xw")

describe("GET /", () => {
  it("is made of src/Simulator/page, and small", () => {
    const text = pageText()
    assert.strictEqual(readFileSync(new URL("../src/Simulator/control/page.ts", import.meta.url), "utf8"), text)
    assert.isAtMost(text.length, 15_000)
  })

  it.live("is a page that loads nothing, is in no frame and runs its own script only", () =>
    on(
      {},
      Effect.gen(function*() {
        const { headers, status, text } = yield* call("GET", "/?x")
        assert.deepStrictEqual([status, headers["content-type"]], [200, "text/html; charset=utf-8"])
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        const policy = String(headers["content-security-policy"])
        assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ;]+'; style-src 'sha256-[^ ;]+'; /)
        assert.include(policy, "frame-ancestors 'none'")
        assert.notMatch(policy, /unsafe|\*|http/)
        assert.notMatch(text, /https?:|<[^>]* (?:on\w+|style|src)=/)
        assert.deepStrictEqual(at((yield* get("/requests")).json, "requests"), [])
      })
    ))

  it.live("without control is no path of the platform", () =>
    on(
      { control: false },
      Effect.gen(function*() {
        assert.strictEqual((yield* call("GET", "/")).status, 404)
      })
    ))

  it.live("is refused under a name of another machine, unless there is a key", () =>
    Effect.gen(function*() {
      const foreign = call("GET", "/", { headers: { host: "rebound.example.com" } })
      yield* on(
        {},
        Effect.gen(function*() {
          assert.deepStrictEqual(refusal(yield* foreign), [403, "HostRefused"])
        })
      )
      yield* on(
        { control: { key } },
        Effect.gen(function*() {
          const { status, text } = yield* foreign
          assert.strictEqual(status, 200)
          assert.notInclude(text, "Zq7Xw")
        })
      )
    }))
})

const meetings = (page: Page) => page.getByRole("combobox", { name: "Meeting" })

const poll = <A>(get: () => A) => expect.poll(get, { timeout: 10_000 })

/** What is shown of what happened, the latest first. */
const rows = (page: Page) => page.locator("#log > li")

const firstRows = async (page: Page, count = 1) => (await page.locator("#log .cell").allTextContents()).slice(0, count)

const person = (page: Page, name: string): Locator => page.getByRole("row").filter({ hasText: `ou_${name}` })

/** Whom the page shows as the host. */
const shownHost = (page: Page) => page.locator("tr.host bdi").allTextContents()

const press = {
  mouse: (control: Locator) => control.click(),
  keyboard: async (control: Locator) => {
    await control.focus()
    await control.press("Enter")
  }
}

const tokenOf = async (url: string): Promise<string> => {
  const app = { app_id: Simulator.defaultApp.appId, app_secret: Redacted.value(Simulator.defaultApp.appSecret) }
  const reply = await fetch(`${url}/open-apis/auth/v3/tenant_access_token/internal`, {
    method: "POST",
    body: JSON.stringify(app)
  })
  return String(at(await reply.json(), "tenant_access_token"))
}

const swap = async (url: string, from: string, to: string, client = "curl", meetingId = id) => {
  const headers = {
    authorization: `Bearer ${await tokenOf(url)}`,
    "content-type": "application/json",
    "x-simulator-client": client
  }
  const body = { host_user: { id: to, user_type: 1 }, old_host_user: { id: from, user_type: 1 } }
  return fetch(`${url}/open-apis/vc/v1/meetings/${meetingId}/set_host`, {
    method: "PATCH",
    headers,
    body: JSON.stringify(body)
  }).then(({ status }) => status, () => undefined)
}

describe("the page", needsChromium, () => {
  let browser: Browser
  const theBrowser = () => browser

  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())

  it.live("shows who is in the chosen meeting, and who is host", () =>
    onPage(theBrowser, {
      meetings: [
        { id, host: "ou_alice", participants: ["ou_bob", { user: "ou_carol", status: "left" }], topic: "First" },
        { id: "6911188411932033029", host: "ou_dave", topic: "Second", status: "calling" }
      ]
    }, async ({ page, post }) => {
      const meeting = meetings(page).locator("option")
      expect(await meeting.allTextContents()).toEqual([
        `First · ${id}`,
        "Second · 6911188411932033029 · calling"
      ])
      await poll(() => shownHost(page)).toEqual(["alice"])
      expect(await page.locator("#people small").allTextContents()).toEqual([
        "ou_alice · in meeting",
        "ou_bob · in meeting",
        "ou_carol · left"
      ])
      await meetings(page).selectOption("6911188411932033029")
      await poll(() => shownHost(page)).toEqual(["dave"])
      const hint = page.getByText("Each request appears here")
      expect(await hint.isVisible()).toBe(true)
      await post(`/meetings/${id}/end`)
      await poll(() => meeting.first().textContent()).toContain("ended")
      await poll(() => firstRows(page)).toEqual(["the meeting is ended"])
      expect(await hint.isVisible()).toBe(false)
    }))

  it.live("shows contending clients in lanes, each with its color, until each has won", () => {
    const client = (name: string, baseUrl: string) =>
      Lark.layer({ ...Simulator.defaultApp, baseUrl }).pipe(
        Layer.provide(Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.mapRequest(HttpClientRequest.setHeader("x-simulator-client", name))
          )
        )),
        Layer.provide(NodeHttpClient.layerNodeHttp)
      )
    const [bob, carol] = [MeetingUser.openId("ou_bob"), MeetingUser.openId("ou_carol")]
    return onPage(
      theBrowser,
      { latency: "20 millis", rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_eve" }] },
      async ({ get, hostOf, page, url }) => {
        const contend = (name: string, user: typeof bob) =>
          Effect.provide(Meetings.setHost(MeetingId.make(id), Cas.ensure(user)), client(name, url))
        await Effect.runPromise(
          Effect.all([contend("first", bob), contend("second", carol)], { concurrency: "unbounded" })
        )
        await page.locator("#lanes", { hasText: "first" }).filter({ hasText: "second" }).waitFor()
        await poll(() => page.locator("#log .won").count()).toBe(2)
        const colors: Array<string> = []
        for (const name of ["first", "second"]) {
          const label = page.locator("#lanes > *", { hasText: name })
          const cells = page.locator(`#log [style="${await label.getAttribute("style")}"]`)
          await poll(() => cells.filter({ hasText: "applied" }).count()).toBe(1)
          const boxes = [await label.boundingBox(), await cells.last().boundingBox()]
          expect(boxes[0]?.x).toBe(boxes[1]?.x)
          colors.push(await cells.first().evaluate((cell) => getComputedStyle(cell).borderLeftColor))
        }
        expect(new Set(colors).size).toBe(2)
        await page.locator("#log .lost", { hasText: "set_host alice → " }).filter({ hasText: "conflict" }).first()
          .waitFor()
        await page.locator("#log .warn", { hasText: "rival alice → eve" }).waitFor()
        await poll(async () => `ou_${await shownHost(page)}`).toBe(await hostOf(id))
        expect(await rows(page).filter({ hasText: "set_host " }).count())
          .toBe(Object.keys(Object(at(await get("/requests?endpoint=set_host"), "requests"))).length)
      }
    )
  })

  it.live.each(["mouse", "keyboard"] as const)(
    "is controlled by %s",
    (by) =>
      onPage(theBrowser, {}, async ({ get, hostOf, page, url }) => {
        const button = (name: string, within: Page | Locator = page) => press[by](within.getByRole("button", { name }))
        const statuses = async () => {
          const participants = at(await get(`/meetings/${id}`), "participants")
          assert(Array.isArray(participants))
          return Object.fromEntries(participants.map((one) => [at(one, "user.openId"), at(one, "status")]))
        }

        await button("Make host", person(page, "bob"))
        await poll(() => hostOf(id)).toBe("ou_bob")
        await poll(() => shownHost(page)).toEqual(["bob"])
        await poll(() => firstRows(page)).toEqual(["by hand alice → bob"])
        await page.getByText("Make host: bob: done").waitFor()

        await button("Leave", person(page, "carol"))
        await poll(statuses).toMatchObject({ ou_carol: "left" })
        await button("Join", person(page, "carol"))
        await poll(statuses).toMatchObject({ ou_carol: "in_meeting" })
        await poll(() => firstRows(page, 2)).toEqual(["carol: in meeting", "carol: left"])

        await page.getByLabel("Somebody else").fill("ou_erin")
        const other = page.locator("#person")
        await button("Join", other)
        await poll(statuses).toMatchObject({ ou_erin: "in_meeting" })
        await page.getByLabel("Somebody else").fill("ou_frank")
        await button("Make host", other)
        await poll(() => hostOf(id)).toBe("ou_frank")

        await button("Lose the reply")
        await page.getByText("The next set_host loses its reply: done").waitFor()
        expect(await swap(url, "ou_frank", "ou_bob")).toBeUndefined()
        expect(await hostOf(id)).toBe("ou_bob")
        await poll(() => firstRows(page)).toEqual([
          expect.stringMatching(/set_host frank → bob no reply, applied \d+ ms$/)
        ])

        await button("Throttle (429)")
        await page.getByText("The next set_host is throttled: done").waitFor()
        expect(await swap(url, "ou_bob", "ou_alice")).toBe(429)
        await poll(() => firstRows(page, 2)).toEqual([
          expect.stringMatching(/ throttled \d+ ms$/),
          "fault Throttle on set_host"
        ])

        await button("Add a meeting")
        const next = String(BigInt(id) + 1n)
        await poll(() => hostOf(next)).toBe("ou_alice")
        await poll(() => meetings(page).inputValue()).toBe(next)
        await page.getByLabel("Host", { exact: true }).fill("ou_grace")
        await page.getByLabel("New meeting").fill(next)
        await button("Add a meeting")
        await page.locator(".refused", { hasText: next }).waitFor()

        await button("End the meeting")
        await poll(async () => at(await get(`/meetings/${next}`), "status")).toBe("ended")
      })
  )

  it.live("shows hostile names as text", () => {
    const hostile = "<img src=x onerror=document.title='hacked'>"
    return onPage(theBrowser, {
      meetings: [{
        id: hostile,
        topic: hostile,
        meetingNo: hostile,
        host: { openId: hostile, name: hostile },
        participants: [{ openId: "ou_long", name: "x".repeat(10_000) }]
      }]
    }, async ({ page, post, url }) => {
      await poll(() => shownHost(page)).toEqual([hostile])
      await post("/faults", { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "ConflictAsOk" } }] })
      await swap(url, hostile, "ou_long", hostile, encodeURIComponent(hostile))
      await fetch(`${url}/${encodeURIComponent(hostile)}`, { headers: { "user-agent": hostile } })
      await page.getByRole("button", { name: `Leave: ${hostile}` }).click()
      await page.getByText(`Leave: ${hostile}: done`).waitFor()
      await poll(() => rows(page).count()).toBe(5)
      expect(await page.locator("img").count()).toBe(0)
      expect(await page.title()).toBe("Simulated Feishu")
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0)
    })
  })

  it.live("names the host and the connection to a screen reader", () =>
    onPage(theBrowser, {}, async ({ page }) => {
      await poll(() => person(page, "alice").getByRole("rowheader").ariaSnapshot()).toContain("alice, host ou_alice")
      expect(await page.getByRole("banner").ariaSnapshot()).toContain("status: Connected")
    }))

  it.live("says that there is no meeting to change", () =>
    onPage(theBrowser, {}, async ({ page, post }) => {
      await post("/reset", { meetings: [] })
      await page.getByText("There is no meeting yet. Add one.").waitFor()
      await page.getByRole("button", { name: "End the meeting" }).click()
      await page.getByText("End: there is no meeting yet").waitFor()
    }))

  it.live("runs no script and takes no style but its own", () =>
    onPage(theBrowser, { expected: /Content Security Policy|TrustedHTML/ }, async ({ page }) => {
      const injected = "<script>document.title = 'hacked'</script><style>main { display: none }</style>" +
        "<img src=data:, onerror=\"document.title = 'hacked'\"><script src=http://example.com/></script>"
      await page.route("**/", async (route) => {
        const response = await route.fetch()
        await route.fulfill({ response, body: (await response.text()).replace("<main>", `${injected}<main>`) })
      })
      await page.reload()
      await page.getByText("Connected", { exact: true }).waitFor()
      expect(await page.locator("main").isVisible()).toBe(true)
      expect(await page.locator("img").count()).toBe(1)
      await expect(page.evaluate(() => {
        document.body.innerHTML = "hacked"
      })).rejects.toThrow("TrustedHTML")
      expect(await page.title()).toBe("Simulated Feishu")
    }))

  it.live("connects again to a simulator that was started anew, and reads its state", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const start = (host: string, port?: number) => controlled({ meetings: [{ id, host }] }, port)
      const context = yield* Layer.buildWithScope(start("ou_alice"), first)
      const url = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), context)
      const page = yield* open(browser, url)
      yield* Effect.promise(() => poll(() => shownHost(page)).toEqual(["alice"]))

      yield* Scope.close(first, Exit.void)
      yield* Effect.promise(async () => {
        await page.getByText("Not connected. Trying again …").waitFor()
        await page.getByRole("button", { name: "Lose the reply" }).click()
        await page.getByText("loses its reply: the simulator does not answer").waitFor()
      })

      yield* Layer.build(start("ou_bob", Number(new URL(url).port)))
      yield* Effect.promise(async () => {
        await page.getByText("Connected", { exact: true }).waitFor()
        await poll(() => shownHost(page)).toEqual(["bob"])
      })
    }).pipe(Effect.scoped))

  it.live("connects again when the simulator says nothing for long", () =>
    onPage(theBrowser, {}, async ({ get, page }) => {
      await page.clock.install()
      await page.reload()
      await page.getByText("Connected", { exact: true }).waitFor()
      await page.clock.pauseAt(Date.now() + 45_000)
      await page.getByText("Not connected. Trying again …").waitFor()
      await page.clock.runFor(1_000)
      await page.getByText("Connected", { exact: true }).waitFor()
      await poll(async () => at(await get("/health"), "watchers")).toBe(1)
    }))

  it.live("shows a reset", () =>
    onPage(theBrowser, {}, async ({ page, post }) => {
      await post("/reset", { meetings: [{ id: "2", host: "ou_dave" }] })
      await poll(() => shownHost(page)).toEqual(["dave"])
      expect(await meetings(page).locator("option").allTextContents()).toEqual(["Simulated meeting · 2"])
      expect(await firstRows(page)).toEqual(["reset"])
    }))

  it.live("stays small when ten thousand things happen at once, and reads the state where some are left out", () =>
    onPage(theBrowser, {
      meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }, { id: "2", topic: "Other" }]
    }, async ({ page, simulator }) => {
      const hosts = Array.from({ length: 10_000 }, (_, n) => n % 2 === 0 ? "ou_bob" : "ou_zoe")
      // Without a pause, so that the end of the other meeting is among those left out.
      hosts.forEach((host, n) => {
        if (n === 5_000) Effect.runSync(simulator.endMeeting("2"))
        Effect.runSync(simulator.moveHost(id, host))
      })
      await poll(() => meetings(page).locator("option").last().textContent()).toBe("Other · 2 · ended")
      await poll(() => shownHost(page)).toEqual(["zoe"])
      for (const host of ["one", "two", "three"]) {
        for (let n = 0; n < 100; n++) Effect.runSync(simulator.moveHost(id, `ou_${host}`))
        await poll(() => shownHost(page)).toEqual([host])
      }
      expect(await rows(page).count()).toBe(200)
      expect(await page.locator("*").count()).toBeLessThan(1_000)
    }))

  it.live("has eight lanes at most, which are free again when their requests are not shown any more", () =>
    onPage(theBrowser, {}, async ({ page, simulator, url }) => {
      for (let n = 1; n <= 10; n++) await swap(url, "ou_alice", "ou_alice", `client ${n}`)
      await poll(() => rows(page).count()).toBe(20)
      const labels = page.locator("#lanes > *")
      expect(await labels.count()).toBe(8)
      await rows(page).filter({ hasText: "client 10 as" }).waitFor()
      await Effect.runPromise(
        Effect.forEach(Array.from({ length: 300 }), () => simulator.moveHost(id, "ou_bob"), { discard: true })
      )
      await poll(() => labels.count()).toBe(0)
      await swap(url, "ou_bob", "ou_alice", "a late one")
      await poll(() => labels.allTextContents()).toEqual([expect.stringContaining("a late one")])
    }))

  it.live("asks for the key where one is needed, and keeps it out of addresses and stores", () =>
    onPage(
      theBrowser,
      { control: { key }, hostname: "feishu.example.com", connected: false },
      async ({ hostOf, page }) => {
        const urls: Array<string> = []
        page.on("request", (request) => urls.push(request.url()))
        const unlock = async (text: string) => {
          await page.getByLabel("Control key").fill(text)
          await page.getByLabel("Control key").press("Enter")
        }
        await page.getByText("Not connected: the simulator wants its control key").waitFor()
        expect(await page.getByLabel("Control key").evaluate((field) => field === document.activeElement)).toBe(true)
        await unlock("wrong")
        await page.getByText("The key is wrong").waitFor()
        await unlock(Redacted.value(key))
        await page.getByText("Connected", { exact: true }).waitFor()
        expect(await page.getByLabel("Control key").isVisible()).toBe(false)
        await page.getByRole("button", { name: "Make host: bob" }).click()
        await poll(() => hostOf(id)).toBe("ou_bob")
        expect(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])).toEqual([
          0,
          0,
          ""
        ])
        expect(urls.map((url) => new URL(url).pathname)).toEqual([
          "/_simulator/stream",
          "/_simulator/stream",
          `/_simulator/meetings/${id}/host`
        ])
        expect(urls.filter((url) => url.includes("Zq7Xw") || !url.startsWith("http://feishu.example.com"))).toEqual([])
      }
    ))

  it.live("keeps the focus, which is visible, while the host moves", () =>
    onPage(theBrowser, {}, async ({ page, simulator }) => {
      await page.keyboard.press("Tab")
      const focused = () =>
        page.evaluate(() => [
          document.activeElement?.id || document.activeElement?.ariaLabel,
          getComputedStyle(document.activeElement ?? document.body).outlineStyle
        ])
      expect(await focused()).toEqual(["meeting", "solid"])
      await page.keyboard.press("Tab")
      expect(await focused()).toEqual(["Make host: alice", "solid"])
      for (const user of ["ou_bob", "ou_zoe", "ou_carol"]) await Effect.runPromise(simulator.moveHost(id, user))
      await poll(() => shownHost(page)).toEqual(["carol"])
      expect(await focused()).toEqual(["Make host: alice", "solid"])
    }))

  describe.each(["light", "dark"] as const)("in the %s", (colorScheme) => {
    it.live.each([320, 1280])("can be read at a width of %i", (width) =>
      onPage(
        theBrowser,
        {
          context: { colorScheme, viewport: { width, height: 700 } },
          rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_bob" }]
        },
        async ({ page, url }) => {
          await swap(url, "ou_alice", "ou_carol", "a client with quite a long name/1.0")
          await swap(url, "ou_bob", "ou_carol", "another client")
          await poll(() => page.locator("#log .won").count()).toBe(1)
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
          const { isDark, poor } = await page.evaluate(() => {
            const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
            /** The relative luminance of WCAG, and whether there is a color at all. */
            const luminance = (color: string) => {
              if (context === null) throw new Error("no canvas")
              context.clearRect(0, 0, 1, 1)
              context.fillStyle = color
              context.fillRect(0, 0, 1, 1)
              const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data
              const [x = 0, y = 0, z = 0] = [r, g, b].map((part) =>
                part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4
              )
              return { value: 0.2126 * x + 0.7152 * y + 0.0722 * z, isThere: a > 0 }
            }
            const behind = (element: Element | null): number => {
              if (element === null) return 1
              const { isThere, value } = luminance(getComputedStyle(element).backgroundColor)
              return isThere ? value : behind(element.parentElement)
            }
            const texts = Array.from(document.querySelectorAll("body *")).filter((element) =>
              Array.from(element.childNodes).some(({ nodeName, textContent }) =>
                nodeName === "#text" && textContent?.trim() !== ""
              )
            )
            const poor = texts.flatMap((element) => {
              const pair = [luminance(getComputedStyle(element).color).value, behind(element)].toSorted((a, b) => a - b)
              const contrast = ((pair[1] ?? 0) + 0.05) / ((pair[0] ?? 0) + 0.05)
              return contrast < 4.5 ? [`${element.textContent}: ${contrast}`] : []
            })
            return { isDark: behind(document.body) < 0.1, poor }
          })
          expect([isDark, poor]).toEqual([colorScheme === "dark", []])
        }
      ))
  })
})
