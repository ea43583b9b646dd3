// The navigation, by task. Pages that no group names are listed under "More".
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const groups = {
  Start: ["index", "demo", "tutorial", "install", "features", "coming-from-ivs", "coming-from-livekit", "coming-from-mediamtx", "faq"],
  API: ["api", "compatibility", "events", "ci"],
  Clients: ["stage-page", "browser-sdk", "web-sdk", "go", "encoders", "protocol"],
  "SDK references": ["reference/browser-sdk", "reference/browser-sdk-react", "reference/realtime", "reference/ivsrealtime"],
  Recordings: ["recordings", "layouts"],
  Operations: ["operations", "console", "upgrade", "sizing", "security", "performance", "performance-notes"],
  Cluster: ["cluster"],
};

/** The sidebar of the pages in a folder; texts are the pages' first headings. */
export function sidebar(folder) {
  const text = (page) => {
    if (page === "index") return "Overview";
    const heading = readFileSync(join(folder, `${page}.md`), "utf8").match(/^# (.*)$/m);
    return heading ? heading[1].replaceAll("`", "") : page;
  };
  const items = (pages) => pages.map((page) => ({ text: text(page), link: `/${page.replace(/(^|\/)index$/, "$1")}` }));
  const known = new Set([...Object.values(groups).flat(), "architecture", "changelog", "contributing", "readme"]);
  const all = readdirSync(folder).filter((f) => f.endsWith(".md")).map((f) => f.slice(0, -3));
  const more = all.filter((page) => !known.has(page)).sort();
  return [
    ...Object.entries(groups).map(([group, pages]) => ({ text: group, items: items(pages) })),
    ...(more.length ? [{ text: "More", items: items(more) }] : []),
    { text: "Decisions", items: items(["architecture", "decisions/index", "contributing", "changelog"]) },
  ];
}
