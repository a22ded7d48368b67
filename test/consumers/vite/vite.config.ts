import { defineConfig } from "vite"

export default defineConfig({
  build: { ssr: "main.ts" },
  ssr: { noExternal: true }
})
