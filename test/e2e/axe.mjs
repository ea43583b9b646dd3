// Looks for what keeps people with disabilities from using a page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The toolbar of Cloudscape 3.0 has an attribute, on phones, that its role does not take. */
const isToolbar = ({ id, nodes }) => id === "aria-allowed-attr" && nodes.every((n) => /^<nav [^>]*aria-orientation/.test(n.html));

/** What axe finds on a page of the console. Without preload: its style sheets are large. */
export async function consoleViolations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ iframes: false, preload: false, resultTypes: ["violations"] }));
  return violations.filter((v) => !isToolbar(v)).map((v) => [v.id, v.nodes.map((n) => `${n.html.slice(0, 300)} ${n.failureSummary}`)]);
}

/** Expects that a page is accessible as it is now. */
export async function expectAccessible(page, state) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map((n) => `${n.html} ${n.failureSummary}`)]), [], state);
}
