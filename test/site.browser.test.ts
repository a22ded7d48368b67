/** The built site in Chromium: `npm run docs:site` comes before. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import * as path from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { launch, needsChromium } from "./fixtures/chromium.ts"
import { leaveOut } from "./leftOut.ts"

const site = path.join(import.meta.dirname, "../docs/.vitepress/dist")
const pages = globSync("**/*.html", { cwd: site })
const needsSite = leaveOut(pages.length === 0 ? "The site is not built: npm run docs:site." : undefined)

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".json": "application/json"
}

describe("the site", { ...needsChromium, ...needsSite, timeout: 300_000 }, () => {
  let server: Server
  let browser: Browser
  let url = ""
  beforeAll(async () => {
    server = createServer((request, response) => {
      const pathname = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname)
      const file = path.join(site, pathname.endsWith("/") ? `${pathname}index.html` : pathname)
      if (!existsSync(file)) return response.writeHead(404).end()
      return response.writeHead(200, { "content-type": types[path.extname(file)] ?? "" }).end(readFileSync(file))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    assert(address !== null && typeof address === "object")
    url = `http://127.0.0.1:${address.port}`
    browser = await launch()
  })
  afterAll(async () => {
    await browser.close()
    server.close()
  })

  const on = async (width: number, test: (page: Page) => Promise<void>) => {
    const page = await browser.newPage({ viewport: { width, height: 780 } })
    const wrong: Array<string> = []
    page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error.message}`))
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(`${page.url()}: ${message.text()}`)
    })
    page.on("request", (request) => {
      if (!/^data:|^http:\/\/127/.test(request.url())) wrong.push(`${page.url()} loads ${request.url()}`)
    })
    await test(page)
    await page.close()
    assert.deepStrictEqual(wrong, [])
  }

  it("fits a phone, logs no error and loads nothing from elsewhere", () =>
    on(360, async (page) => {
      const wide: Array<string> = []
      // The pages of the sources differ in their text only.
      for (const file of pages.filter((file) => !file.startsWith("src/") || file === "src/Meetings.html")) {
        await page.goto(`${url}/${file}`)
        await page.locator("#app h1, .NotFound").first().waitFor()
        if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) wide.push(file)
      }
      assert.deepStrictEqual(wide, [])
    }))

  it("shows on a phone what each call does", () =>
    on(360, async (page) => {
      await page.goto(`${url}/`)
      const call = page.getByRole("cell", { name: "Meetings.setHost(id, bob)", exact: true })
      const box = await call.locator("+ td").boundingBox()
      assert.isAtMost((box?.x ?? 360) + (box?.width ?? 0), 360)
    }))

  it.each([
    ["/", "setHost", "/reference/Meetings.html#Meetings.setHost"],
    ["/zh/", "主持人", "/zh/"]
  ])("finds from %s, by %s, %s", (home, text, found) =>
    on(1280, async (page) => {
      await page.goto(url + home)
      const input = page.locator("#localsearch-input")
      // The page has no keys before its script has run.
      while (await input.isHidden()) {
        await page.keyboard.press("Control+k")
        await page.waitForTimeout(100)
      }
      await input.fill(text)
      await page.locator(`.VPLocalSearchBox a.result[href^="${found}"]`).first().waitFor()
    }))

  it("draws the diagrams", () =>
    on(1280, async (page) => {
      await page.goto(`${url}/cas.html`)
      await page.locator("mermaid-diagram svg").getByText("somebody else").first().waitFor()
    }))

  it("changes the language on a page that has both, and goes to the start on others", () =>
    on(1280, async (page) => {
      for (const [from, to] of [["/going-live.html", "/zh/going-live.html"], ["/reference/Cas.html", "/zh/"]]) {
        await page.goto(`${url}${from}`)
        await page.locator(".VPNavBarTranslations").hover()
        await page.locator(".VPNavBarTranslations a").getByText("简体中文").click()
        await page.waitForURL(`${url}${to}`)
        await page.locator(".VPNav").getByText("搜索").first().waitFor()
      }
    }))
})
