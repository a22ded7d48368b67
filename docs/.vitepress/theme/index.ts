import type { Theme } from "vitepress"
import DefaultTheme from "vitepress/theme-without-fonts"
import "./style.css"

/** Draws the Mermaid diagram that is its text, in the colors of the page. */
const defineMermaid = () => {
  class MermaidDiagram extends HTMLElement {
    readonly #colors = new MutationObserver(() => this.#draw())

    connectedCallback() {
      this.#colors.observe(document.documentElement, { attributeFilter: ["class"] })
      return this.#draw()
    }

    disconnectedCallback() {
      this.#colors.disconnect()
    }

    async #draw() {
      const { default: mermaid } = await import("mermaid")
      const isDark = document.documentElement.classList.contains("dark")
      mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "neutral" })
      const { svg } = await mermaid.render("mermaid", this.textContent)
      // In a shadow root, since Vue owns the children.
      const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" })
      shadow.innerHTML = svg
    }
  }
  customElements.define("mermaid-diagram", MermaidDiagram)
}

const theme: Theme = {
  extends: DefaultTheme,
  enhanceApp: () => {
    if (typeof window !== "undefined") defineMermaid()
  }
}

export default theme
