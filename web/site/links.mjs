// Checks the links of a static site: pages, files and anchors.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const decode = (text) => text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");

/** Every link of every page below a folder that leads nowhere. Addresses of other servers are not asked. */
export function checkLinks(folder, base) {
  const pages = readdirSync(folder, { recursive: true }).filter((f) => f.endsWith(".html")).map((f) => join(folder, f));
  const anchors = new Map(pages.map((p) => [p, new Set([...readFileSync(p, "utf8").matchAll(/\sid="([^"]*)"/g)].map((m) => decode(m[1])))]));
  const broken = [];
  let links = 0;
  for (const page of pages) {
    for (const [, attribute] of readFileSync(page, "utf8").matchAll(/<(?:a|img|link|script)\b[^>]*?\s(?:href|src)="([^"]*)"/g)) {
      const link = decode(attribute);
      if (/^[a-z]+:|^\/\//.test(link)) continue;
      links++;
      const problem = follow(page, link);
      if (problem) broken.push(`${relative(folder, page)}: ${link}: ${problem}`);
    }
  }
  return { broken, pages: pages.length, links };

  function follow(page, link) {
    const [path, anchor] = link.split("#").map(decodeURIComponent);
    let target = page;
    if (path.startsWith(base)) target = join(folder, path.slice(base.length));
    else if (path.startsWith("/")) return `is not below ${base}`;
    else if (path) target = resolve(dirname(page), path);
    if (existsSync(target) && statSync(target).isDirectory()) target = join(target, "index.html");
    if (!existsSync(target)) return "there is no such page";
    if (anchor && anchors.has(target) && !anchors.get(target).has(anchor)) return "the page has no such anchor";
    return undefined;
  }
}
