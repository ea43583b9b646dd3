// Builds the site of docs/ into dist/site: lays the pages out, writes the references, lets
// VitePress make HTML of them, and checks every link of what came out.
//
// SITE_BASE is the path at which the site will be served (/), SITE_SOURCE the address of the
// repository's files (https://…/blob/main/). Without it, links to files that are no pages are
// shown as their paths.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { checkLinks } from "./links.mjs";
import { goReference, sdkReference } from "./reference.mjs";

const root = join(import.meta.dirname, "../..");
const source = join(root, ".cache/site/pages");
const out = join(root, "dist/site");

/** The pages of the site that are not in docs/, and where they are on the site. */
const others = {
  "docs/README.md": "index.md",
  "web/sdk/README.md": "browser-sdk.md",
  "CHANGELOG.md": "changelog.md",
  "CONTRIBUTING.md": "contributing.md",
  "README.md": "readme.md",
};

/** Where a file of the repository is on the site, if it is a page or picture of it. */
function place(path) {
  if (others[path]) return others[path];
  return path.startsWith("docs/") && /\.\w+$/.test(path) ? path.slice("docs/".length) : undefined;
}

/** A page as VitePress takes it: links lead to pages or to the repository, and comments are gone. */
function staged(path, text) {
  const page = place(path);
  const link = (all, bang, label, target, anchor = "") => {
    if (/^[a-z]+:/.test(target)) return all;
    const file = join(dirname(path), target).replace(/\/$/, "");
    const there = place(file);
    if (there) return `${bang}[${label}](${relative(dirname(page), there) || there}${anchor})`;
    if (file === "docs/decisions") return `${bang}[${label}](decisions/index.md)`;
    if (process.env.SITE_SOURCE) return `${bang}[${label}](${process.env.SITE_SOURCE}${file}${anchor})`;
    return label === file || label === target ? `\`${file}\`` : `${label} (\`${file}\`)`;
  };
  return text
    .split(/(^```[\s\S]*?^```)/m)
    .map((part) => (part.startsWith("```") ? part : part.replace(/^<!--.*-->\n/gm, "").replace(/(!?)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)/g, link)))
    .join("");
}

/** The files below a folder. */
function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

function write(page, text) {
  mkdirSync(dirname(join(source, page)), { recursive: true });
  writeFileSync(join(source, page), text);
}

/** The list of the decisions. */
function decisions() {
  const names = readdirSync(join(root, "docs/decisions")).filter((f) => f.endsWith(".md")).sort();
  const title = (name) => readFileSync(join(root, "docs/decisions", name), "utf8").match(/^# (.*)$/m)[1].replace(/^\d+\. /, "");
  return `# Decisions\n\nWhat was decided, why, and what it costs.\n\n${names.map((n) => `${Number(n.slice(0, 4))}. [${title(n)}](${n})`).join("\n")}\n`;
}

rmSync(source, { recursive: true, force: true });
for (const file of [...files(join(root, "docs")), ...Object.keys(others).map((o) => join(root, o))]) {
  const path = relative(root, file);
  if (path.endsWith(".md")) write(place(path), staged(path, readFileSync(file, "utf8")));
  else cpSync(file, join(source, place(path)));
}
write("decisions/index.md", decisions());
write("reference/ivsrealtime.md", goReference(root, "ivsrealtime"));
write("reference/realtime.md", goReference(root, "realtime"));
for (const [page, text] of sdkReference(root)) write(`reference/${page}`, text);

// The pages import Vue once they are compiled.
const modules = join(root, ".cache/site/node_modules");
rmSync(modules, { force: true });
symlinkSync(join(import.meta.dirname, "node_modules"), modules);
execFileSync("npx", ["vitepress", "build", "."], { cwd: import.meta.dirname, stdio: "inherit" });

const { broken, pages, links } = checkLinks(out, process.env.SITE_BASE ?? "/");
for (const b of broken) console.error(b);
console.log(`${pages} pages with ${links} links in ${relative(root, out)}, ${broken.length} of them broken`);
process.exitCode = broken.length ? 1 : 0;
