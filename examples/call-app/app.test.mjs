// Tests the application from end to end, without AWS: its backend, its page in Chromium, and the
// media that come. With ROSTRUM, the path of the program, the server is a process, else a container.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { start, startProcess } from "../testcontainers/node/rostrum-container.mjs";

const seed = readFileSync(new URL("seed.yaml", import.meta.url), "utf8");
const program = process.env.ROSTRUM;
const ending = [];
let app, browser;

before(async () => {
  const server = await (program ? startProcess({ program, seed }) : start({ seed }));
  ending.push(() => server.stop());
  const backend = spawn(process.execPath, [new URL("backend.mjs", import.meta.url).pathname], {
    env: {
      ...process.env,
      PORT: "0",
      AWS_ENDPOINT_URL_IVS_REALTIME: server.endpoint,
      AWS_REGION: server.region,
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  ending.push(() => backend.kill());
  for await (const line of createInterface({ input: backend.stdout })) {
    app = line;
    break;
  }
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"],
    timeout: 120_000,
  });
  ending.push(() => browser.close());
});

after(async () => {
  for (const end of ending.reverse()) await end();
});

/** A page whose user has joined a call. */
async function join(call, user) {
  const page = await browser.newPage();
  await page.goto(app);
  await page.getByPlaceholder("call").fill(call);
  await page.getByPlaceholder("your name").fill(user);
  await page.getByRole("button").click();
  return page;
}

/** Waits until a page plays the video of somebody, and it moves. */
const sees = (page, name) =>
  page.waitForFunction((n) => {
    const video = document.querySelector(`video[title="${n}"]`);
    return video?.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 5;
  }, name, { timeout: 60_000 });

test("participants see and leave each other", async () => {
  const bob = await join("lobby", "Bob");
  await sees(bob, "Ada");
  const carol = await join("lobby", "Carol");
  await Promise.all([sees(carol, "Ada"), sees(carol, "Bob"), sees(bob, "Carol")]);
  await carol.close();
  await bob.locator('video[title="Carol"]').waitFor({ state: "detached", timeout: 60_000 });
});

test("a call that can't be is refused with the reason", async () => {
  const page = await join("no spaces", "Bob");
  await page.getByText("You can't join: name").waitFor();
  assert.equal(await page.locator("video").count(), 0);
});
