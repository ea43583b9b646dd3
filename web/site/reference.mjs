// The references of the SDKs, from their sources.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The page of a Go package of the module. */
export function goReference(root, name) {
  return execFileSync("go", ["run", "./deploy/godoc", name, `rostrum/${name}`], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
}

const titles = { index: ["browser-sdk.md", "Browser SDK: rostrum-sdk"], react: ["browser-sdk-react.md", "Browser SDK: rostrum-sdk/react"] };

/** The pages of the browser SDK: its two entry points. */
export function sdkReference(root) {
  const out = mkdtempSync(join(tmpdir(), "rostrum-site-"));
  try {
    const sdk = join(root, "web/sdk");
    const entries = Object.keys(titles).map((e) => join(sdk, `src/${e}.ts`));
    const plugin = ["--plugin", "typedoc-plugin-markdown", "--router", "module", "--hidePageHeader", "--hideBreadcrumbs", "--hidePageTitle"];
    const args = ["typedoc", ...plugin, "--readme", "none", "--disableSources", "--skipErrorChecking", "--logLevel", "Error"];
    execFileSync("npx", [...args, "--tsconfig", join(sdk, "tsconfig.json"), "--out", out, ...entries], { cwd: import.meta.dirname, stdio: "inherit" });
    return Object.entries(titles).map(([entry, [page, title]]) => [page, `# ${title}\n\n${oneFolder(sdkPage(out, entry))}`]);
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** Links between the entry points, which are in folders of their own for TypeDoc. */
const oneFolder = (text) => text.replace(/\[([^\]]+)\]\(namespaces\/[^)]*\)/g, "$1").replace(/\]\((?:\.\/|\.\.\/)?index\/README\.md/g, `](${titles.index[0]}`);

function sdkPage(out, entry) {
  for (const file of [`${entry}.md`, `${entry}/README.md`]) {
    try {
      return readFileSync(join(out, file), "utf8");
    } catch (e) {
      if (e.code !== "ENOENT") throw e;
    }
  }
  throw new Error(`TypeDoc wrote no page of ${entry}`);
}
