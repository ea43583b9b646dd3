import { join } from "node:path";

import { defineConfig } from "vitepress";

import { sidebar } from "../sidebar.mjs";

const root = join(import.meta.dirname, "../../..");
const pages = join(root, ".cache/site/pages");

export default defineConfig({
  title: "Rostrum",
  description: "Amazon IVS Real-Time Streaming, self-hosted: the API, and the stages behind it",
  lang: "en",
  base: process.env.SITE_BASE ?? "/",
  srcDir: pages,
  outDir: join(root, "dist/site"),
  cacheDir: join(root, ".cache/site/vite"),
  metaChunk: true,
  // links.mjs checks pages and anchors.
  ignoreDeadLinks: true,
  vite: { build: { chunkSizeWarningLimit: 4096 } }, // KB: the index of the search is one file
  markdown: {
    // Placeholders such as <stream key> are text.
    html: false,
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    // Headings have the anchors that forges give them.
    anchor: { slugify: forgeSlug },
    languageAlias: { console: "sh" },
  },
  themeConfig: {
    sidebar: sidebar(pages),
    outline: [2, 3],
    search: { provider: "local" },
    footer: { message: "Apache License 2.0. Not affiliated with Amazon; “Amazon IVS” is a trademark of its owner." },
  },
});

/** The anchor of a heading, as GitHub and GitLab make it. */
function forgeSlug(heading) {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replace(/\s/g, "-");
}
