import { existsSync, globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { type DefaultTheme, defineConfig, type MarkdownOptions } from "vitepress"
import { deadLinks } from "./deadLinks.ts"
import { groups, pageOf, staged, translationOf } from "./sidebar.ts"

const linkOf = (page: string) => `/${page.replace(/(index)?\.md$/, "")}`

const namesIn = (directory: string) =>
  globSync(`${directory}/*.md`, { cwd: staged }).map((file) => path.basename(file, ".md")).toSorted()

const list = (text: string, directory: string) => [{
  text,
  items: namesIn(directory).map((name) => ({
    text: name === "index" ? "All" : name,
    link: `/${directory}/${name === "index" ? "" : name}`
  }))
}]

const english: ReadonlyArray<DefaultTheme.SidebarItem> = groups.map(({ pages, text: [text] }) => ({
  text,
  items: pages.map(([source, text]) => ({ text, link: linkOf(pageOf(source)) }))
}))

const chinese: ReadonlyArray<DefaultTheme.SidebarItem> = groups.map(({ pages, text: [, text] }) => ({
  text,
  items: pages.map(([source, , text]) => {
    const translation = pageOf(translationOf(source))
    return existsSync(path.join(staged, translation))
      ? { text, link: linkOf(translation) }
      : { text: `${text}（英文）`, link: linkOf(pageOf(source)) }
  })
}))

/** The names of each module, as its page of the reference has them. */
const names = new Map(
  namesIn("reference").map((module) => {
    const page = readFileSync(path.join(staged, `reference/${module}.md`), "utf8")
    return [module, new Set(Array.from(page.matchAll(/^### (\w+) /gm), ([, name = ""]) => name))]
  })
)

/** The classes of `LarkError`. */
const isError = new Set(
  Array.from(
    readFileSync(path.join(staged, "reference/LarkError.md"), "utf8").matchAll(/^class (\w+) extends/gm),
    ([, name = ""]) => name
  )
)

/** Where the reference describes what a page names: `Cas.hold`, `hold` on the page of `Cas`, or an error by its tag. */
const referenceOf = (code: string, page: string) => {
  const [, module, name = ""] = /^(?:(\w+)\.)?(\w+)$/.exec(code) ?? []
  const [, engine = ""] = /^Cas(\w+)$/.exec(name) ?? []
  const places = module === undefined
    ? [[path.basename(page, ".md"), name], ["Cas", engine], ["LarkError", name]] as const
    : [[module, name]] as const
  const found = places.find(([module, name], index) =>
    names.get(module)?.has(name) === true && (index < 2 || isError.has(name))
  )
  return found === undefined ? undefined : `/reference/${found[0]}.md#${found.join(".")}`
}

const markdown: MarkdownOptions = {
  // As on code hosts, so that links to headings work in both. Names of the reference differ by case alone.
  anchor: {
    slugify: (text) =>
      /^\w+\.\w+$/.test(text)
        ? text
        : text.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-")
  },
  attrs: { left: "{:", right: ":}", rule: ["heading"] },
  emoji: false,
  codeTransformers: [{
    line(node, line) {
      if (this.options.meta?.["__raw"]?.includes("line-numbers")) node.properties["id"] = `line-${line}`
    }
  }],
  config: (md) => {
    const { fence } = md.renderer.rules
    md.renderer.rules.fence = (tokens, index, options, env, self) =>
      tokens[index]?.info === "mermaid"
        ? `<mermaid-diagram v-pre><pre>${md.utils.escapeHtml(tokens[index].content)}</pre></mermaid-diagram>`
        : fence?.(tokens, index, options, env, self) ?? ""

    md.core.ruler.push("reference", ({ Token, env, tokens }) => {
      for (const [index, { children, type }] of tokens.entries()) {
        if (type !== "inline" || children === null || tokens[index - 1]?.type === "heading_open") continue
        let isLinked = false
        tokens[index].children = children.flatMap((token) => {
          if (token.type.startsWith("link_")) isLinked = token.type === "link_open"
          const href = token.type === "code_inline" && !isLinked && referenceOf(token.content, env.relativePath)
          if (!href) return [token]
          return [
            Object.assign(new Token("link_open", "a", 1), { attrs: [["href", href]] }),
            token,
            new Token("link_close", "a", -1)
          ]
        })
      }
    })
  }
}

const icon =
  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><circle cx=\"4\" cy=\"4\" r=\"4\" fill=\"#3451b2\"/></svg>"

interface ThemeConfig extends DefaultTheme.Config {
  /** The pages that there are in Chinese. */
  readonly translated: ReadonlyArray<string>
}

export default defineConfig<ThemeConfig>({
  srcDir: staged,
  cacheDir: path.join(staged, "../vitepress"),
  title: "effect-lark-meetings",
  description: "Feishu/Lark video meetings for Effect 4",
  head: [["link", { rel: "icon", href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  markdown,
  buildEnd: ({ outDir, site: { base } }) => {
    const dead = deadLinks(outDir, base)
    if (dead.length > 0) throw new Error(`Dead links:\n${dead.join("\n")}`)
  },
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === "mermaid-diagram" } } },
  locales: {
    root: {
      label: "English",
      lang: "en",
      themeConfig: {
        nav: [
          { text: "Guide", link: "/" },
          { text: "Examples", link: "/examples/01-set-host" },
          { text: "Reference", link: "/reference/" }
        ]
      }
    },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      description: "在 Effect 4 中使用飞书 / Lark 视频会议",
      themeConfig: {
        nav: [
          { text: "指南", link: "/zh/" },
          { text: "示例（英文）", link: "/examples/01-set-host" },
          { text: "参考（英文）", link: "/reference/" }
        ],
        outline: { label: "本页目录", level: [2, 3] },
        docFooter: { prev: "上一页", next: "下一页" },
        darkModeSwitchLabel: "主题",
        lightModeSwitchTitle: "切换到浅色模式",
        darkModeSwitchTitle: "切换到深色模式",
        sidebarMenuLabel: "菜单",
        returnToTopLabel: "返回顶部",
        langMenuLabel: "切换语言",
        skipToContentLabel: "跳到正文"
      }
    }
  },
  themeConfig: {
    translated: globSync("zh/**/*.md", { cwd: staged }).map((page) => page.replace("zh/", "")),
    // Runs in the browser, from its text.
    i18nRouting: ({ theme }, route, locale) => {
      const page = route.data.relativePath.replace(/^zh\//, "")
      const isThere = locale === "root" || theme.value.translated.includes(page)
      const prefix = locale === "root" ? "/" : `/${locale}/`
      return isThere ? `${prefix}${page.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, ".html")}` : prefix
    },
    outline: { level: [2, 3] },
    sidebar: {
      "/": english,
      "/zh/": chinese,
      "/examples/": list("Examples", "examples"),
      "/reference/": list("Reference", "reference"),
      "/src/": list("Reference", "reference")
    },
    search: {
      provider: "local",
      options: {
        locales: {
          zh: {
            translations: {
              button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
              modal: {
                displayDetails: "显示详情",
                resetButtonTitle: "清除",
                backButtonTitle: "关闭",
                noResultsText: "没有结果：",
                footer: { selectText: "选择", navigateText: "切换", closeText: "关闭" }
              }
            }
          }
        },
        miniSearch: {
          options: {
            // Chinese has no spaces between its words.
            tokenize: (text) =>
              text.split(/[\n\r\p{Z}\p{P}]+/u).flatMap((part) =>
                /\p{Script=Han}/u.test(part)
                  ? Array.from(
                    new Intl.Segmenter("zh", { granularity: "word" }).segment(part),
                    ({ segment }) => segment
                  )
                  : [part]
              )
          }
        }
      }
    }
  }
})
