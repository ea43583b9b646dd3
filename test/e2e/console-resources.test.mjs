// The console's pages of resources in a browser: each is created, looked at by axe in two
// sizes and both schemes, and deleted, through the pages.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { consoleViolations } from "./axe.mjs";
import { eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const hostile = `<img src=x onerror="document.title='hostile'">`;
const looks = [["desktop-light", 1280, "light"], ["phone-dark", 390, "dark"]];
const faults = [];
const violated = [];
let page;

/** Looks at the page as it is now. */
async function look(name) {
  for (const [as, width, colorScheme] of looks) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await eventually("the scheme", () => page.evaluate(() => document.body.classList.contains("awsui-dark-mode")), (dark) => dark === (colorScheme === "dark"));
    await eventually(`${name}, ${as}: it is no wider than the window`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), Boolean);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-${name}-${as}.png`, fullPage: true });
    violated.push(...(await consoleViolations(page)).map((v) => [name, as, ...v]));
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
}

/** Creates a resource through its list, looks at list and page, and deletes it. */
async function liveAndDie({ path, open, fill, submit = "Create", heading = "made-here", more = async () => {} }) {
  await page.goto(`${server.url}/console${path}`);
  await page.getByRole("button", { name: open }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("made-here");
  await fill?.(dialog);
  await dialog.getByRole("button", { name: submit, exact: true }).click();
  await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
  await more();
  await look(path.slice(1, -1));
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("made-here is deleted").first().waitFor();
  await page.getByText("There are none yet.").waitFor();
  await look(path.slice(1));
}

test("resources are created, shown and deleted through the pages", async () => {
  page = await web.page({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  page.on("pageerror", (e) => faults.push(e.message));
  page.on("console", (m) => m.type() === "error" && /Content Security Policy|React/.test(m.text()) && faults.push(m.text()));
  await page.goto(server.url + server.log.join("\n").match(/\/console\/#sign-in=\w+/)[0]);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await liveAndDie({
    path: "/channels",
    open: "Create channel",
    more: async () => {
      await page.getByRole("button", { name: "Show", exact: true }).click();
      await page.getByText(/^rtmp:\/\/.*\/app\/$/).waitFor();
    },
  });
  await liveAndDie({ path: "/encoder-configurations", open: "Create", more: () => page.getByText("1280×720").waitFor() });
  await liveAndDie({ path: "/storage-configurations", open: "Create", fill: (d) => d.getByLabel("Bucket").fill("recordings"), more: () => page.getByRole("link", { name: "Recordings in the bucket" }).waitFor() });
  await liveAndDie({ path: "/ingest-configurations", open: "Create", fill: (d) => d.getByLabel("User id").fill(hostile), more: () => page.getByText(hostile).waitFor() });
  const download = page.waitForEvent("download");
  await liveAndDie({ path: "/public-keys", open: "Import", submit: "Make and import", more: () => page.getByText("BEGIN PUBLIC KEY").waitFor() });
  const key = join(mkdtempSync(join(tmpdir(), "rostrum-key-")), "key.pem");
  await (await download).saveAs(key); // the browser runs by itself
  assert.match(readFileSync(key, "utf8"), /^-----BEGIN PRIVATE KEY-----/);
  assert.notEqual(await page.title(), "hostile");
});

test("a composition is chosen with a drawing of its layout", async () => {
  await page.goto(`${server.url}/console/compositions/start`);
  const tiles = (count) => eventually(`${count} tiles`, () => page.locator("svg.layout [data-tile]").count(), (n) => n === count);
  await tiles(4);
  await page.getByLabel("Participants in the drawing").fill("6");
  await tiles(6);
  await look("compositions-start");
  await page.goto(`${server.url}/console/recordings`);
  await page.getByText("There is no storage configuration").waitFor();
  await look("recordings");
});

test("no page is inaccessible or had a fault", () => assert.deepEqual({ violated, faults }, { violated: [], faults: [] }));
