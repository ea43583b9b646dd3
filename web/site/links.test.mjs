import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { checkLinks } from "./links.mjs";

for (const [link, problem] of [
  ["b.html", undefined],
  ["./deep/", undefined],
  ["/docs/b.html#caf%C3%A9", undefined],
  ["#here", undefined],
  ["https://example.com/none", undefined],
  ["c.html", "there is no such page"],
  ["b.html#none", "the page has no such anchor"],
  ["#none", "the page has no such anchor"],
  ["/b.html", "is not below /docs/"],
])
  test(`${link}: ${problem ?? "is there"}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "links-"));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "a.html"), `<h1 id="here"><a class="x" href="${link}">a</a></h1>`);
    writeFileSync(join(folder, "b.html"), `<h2 id="café">b</h2>`);
    writeFileSync(join(folder, "deep/index.html"), "");
    const { broken, pages } = checkLinks(folder, "/docs/");
    assert.deepEqual([broken, pages], [problem ? [`a.html: ${link}: ${problem}`] : [], 3]);
  });
