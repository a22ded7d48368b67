/** The pages of the site, in the order of its sidebar: from the root of the repository, in English and Chinese. */
import * as path from "node:path"

interface Group {
  readonly text: Labels
  readonly pages: ReadonlyArray<readonly [source: string, ...labels: Labels]>
}

type Labels = readonly [en: string, zh: string]

export const groups: ReadonlyArray<Group> = [
  {
    text: ["Start", "开始"],
    pages: [
      ["README.md", "Overview", "概览"],
      ["docs/going-live.md", "On a real tenant", "接入真实租户"],
      ["docs/cli.md", "Command line", "命令行"]
    ]
  },
  {
    text: ["Guides", "指南"],
    pages: [
      ["docs/guides/errors-to-http.md", "Errors to HTTP answers", "把错误变成 HTTP 响应"],
      ["docs/guides/policies.md", "Schedules and policies", "Schedule 与策略"],
      ["docs/guides/contention.md", "Contention", "争抢"],
      ["docs/guides/own-register.md", "Your own register", "用在你自己的值上"]
    ]
  },
  {
    text: ["Topics", "专题"],
    pages: [
      ["docs/errors.md", "Errors", "错误"],
      ["docs/tokens.md", "Tokens and logins", "访问凭证与登录"],
      ["docs/events.md", "Events", "事件"],
      ["docs/watch.md", "Watch and keep", "观察与守住主持人"],
      ["docs/cluster.md", "Several processes", "多进程"],
      ["docs/durable.md", "Durable requests", "持久请求"],
      ["docs/testing.md", "Testing", "测试"],
      ["docs/simulator.md", "The simulator", "模拟器"],
      ["docs/telemetry.md", "Telemetry", "遥测"]
    ]
  },
  {
    text: ["How it works", "原理"],
    pages: [
      ["docs/cas.md", "The engine", "引擎"],
      ["docs/architecture.md", "Architecture", "架构"],
      ["docs/stability.md", "Stability", "稳定性"]
    ]
  },
  {
    text: ["Project", "项目"],
    pages: [
      ["CHANGELOG.md", "Changelog", "更新日志"],
      ["CONTRIBUTING.md", "Contributing", "参与贡献"],
      ["SECURITY.md", "Security", "安全"],
      ["AGENTS.md", "For agents", "给智能体"]
    ]
  }
]

/** The page that shows a file of the repository. */
export const pageOf = (source: string): string => {
  const { dir, name } = path.parse(source)
  if (dir === "examples" || dir.startsWith("src")) return `${source.replace(/\.ts$/, "")}.md`
  const page = name.replace(/\.zh-CN$/, "")
  const below = path.posix.join(page === name ? "" : "zh", dir.replace(/^docs\/?/, ""))
  return path.posix.join(below, page === "README" ? "index.md" : dir === "" ? `${page.toLowerCase()}.md` : `${page}.md`)
}

/** The Chinese translation of a page. */
export const translationOf = (source: string): string =>
  source === "README.md" ? "docs/README.zh-CN.md" : source.replace(/\.md$/, ".zh-CN.md")

/** What `scripts/site.ts` writes and VitePress reads. */
export const staged: string = path.resolve("node_modules/.cache/site")
