// The site of docs/ in a browser: readable in two sizes and both schemes, with nothing from
// elsewhere, and a search that finds.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";

import { expectAccessible } from "./axe.mjs";
import { browse, eventually } from "./harness.mjs";

const folder = new URL("../../dist/site", import.meta.url).pathname;
const types = { ".css": "text/css", ".html": "text/html", ".jpg": "image/jpeg", ".js": "text/javascript" };
let host, url, web;

before(async () => {
  host = createServer((request, response) => {
    const path = join(folder, decodeURIComponent(request.url).replace(/\/$/, "/index.html"));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream").end(readFileSync(path));
  }).listen(0, "127.0.0.1");
  await once(host, "listening");
  url = `http://127.0.0.1:${host.address().port}/`;
  web = await browse();
});
after(async () => {
  await web?.stop();
  host?.close();
});

for (const [look, width, colorScheme] of [["desktop-light", 1280, "light"], ["phone-dark", 390, "dark"]])
  test(`pages are accessible, ${look}`, async () => {
    const page = await web.page({ viewport: { width, height: 800 }, colorScheme, reducedMotion: "reduce" });
    const wrong = [];
    page.on("request", (r) => r.url().startsWith(url) || wrong.push(`asks for ${r.url()}`));
    page.on("response", (r) => r.ok() || wrong.push(`${r.status()} for ${r.url()}`));
    page.on("pageerror", (e) => wrong.push(e.message));
    for (const name of ["index", "tutorial", "sizing", "layouts", "operations", "decisions/index", "reference/realtime"]) {
      await page.goto(`${url}${name}.html`);
      await eventually("the scheme", () => page.evaluate(() => document.documentElement.classList.contains("dark")), (dark) => dark === (colorScheme === "dark"));
      await eventually(`${name} is no wider than the window`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), Boolean);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/site-${name.replace("/", "-")}-${look}.png` });
      await expectAccessible(page, `${name}, ${look}`);
    }
    assert.deepEqual(wrong, []);
    await page.close();
  });

test("the search finds what people ask", async () => {
  const page = await web.page({ viewport: { width: 1280, height: 800 } });
  for (const [words, expected] of [["expired token", "A link says that its token has expired"], ["B_FRAME_PRESENT", "Refusals"], ["thumbnails", "How do I get thumbnails"]]) {
    await page.goto(url);
    await page.getByRole("button", { name: "Search" }).click();
    await page.locator(".search-input").fill(words);
    await page.locator(".result", { hasText: expected }).first().click();
    await eventually(`${words} leads to its page`, () => page.evaluate(() => location.hash), (hash) => hash.length > 1);
  }
  await page.close();
});
