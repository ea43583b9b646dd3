// Takes the pictures of docs/: the console, the meeting page and a composition in the player, as
// rostrum demo shows them. Make pictures runs it.
import assert from "node:assert/strict";
import { mkdirSync, statSync } from "node:fs";
import { after, test } from "node:test";

import { browse, eventually, freePort, joinCall, run } from "./harness.mjs";

const folder = new URL("../../docs/pictures/", import.meta.url).pathname;
const window = { viewport: { width: 1280, height: 800 }, colorScheme: "light", reducedMotion: "reduce" };

const web = await browse();
after(() => web.stop());

/** Keeps what a page shows, small enough for a repository. */
async function keep(page, name) {
  const path = `${folder}${name}.jpg`;
  await page.screenshot({ path, type: "jpeg", quality: 72 });
  assert.ok(statSync(path).size < 150_000, `${path} has ${statSync(path).size} bytes`);
}

/** Waits until a page plays so many videos. */
const plays = (page, count) =>
  eventually(`${count} videos`, () => page.locator("video").evaluateAll((all) => all.filter((v) => v.videoWidth > 0 && !v.paused && v.currentTime > 1).length), (n) => n >= count);

test("pictures of the demo", async () => {
  mkdirSync(folder, { recursive: true });
  const show = run("demo", "--json", "--listen", `127.0.0.1:${await freePort()}`, "--media-port", `${await freePort()}`);
  const lines = () => show.lines.filter((l) => l.startsWith("{")).map((l) => JSON.parse(l));
  const scene = await eventually("the demo says what there is to see", () => lines().find((l) => "page" in l), Boolean);

  const player = await web.page(window);
  await player.goto(scene.player);
  await plays(player, 1);
  await keep(player, "composition");

  const operator = await web.page(window);
  await operator.goto(scene.console);
  await operator.getByRole("heading", { name: "Overview" }).waitFor();
  await operator.goto(`${scene.endpoint}/console/stages/${scene.stageArn.split("/")[1]}`);
  await operator.getByRole("button", { name: "Watch" }).click();
  await plays(operator, 2);
  await operator.locator("video").first().scrollIntoViewIfNeeded();
  await keep(operator, "console");

  const visitor = await web.page(window);
  await visitor.goto(scene.page);
  await joinCall(visitor);
  await plays(visitor, 3);
  await visitor.mouse.move(0, 0);
  await keep(visitor, "meeting");
});
