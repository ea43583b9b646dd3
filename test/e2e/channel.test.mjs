// A channel as its broadcaster and its viewers meet it: an encoder sends by RTMP,
// hls.js plays it in the player's page and in a page of somebody else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import * as ivs from "@aws-sdk/client-ivs";

import { broadcast } from "./encoder.mjs";
import { browse, eventually, freePort, serve } from "./harness.mjs";

let server, web, channels, ingest;

before(async () => {
  ingest = `127.0.0.1:${await freePort()}`;
  server = await serve("--rtmp-listen", ingest);
  web = await browse();
  channels = new ivs.IvsClient({
    endpoint: server.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "E2EACCESSKEY", secretAccessKey: "e2e-secret-of-the-suite" },
  });
});
after(async () => {
  channels?.destroy();
  await web?.stop();
  await server?.stop();
});

const call = (name, input) => channels.send(new ivs[`${name}Command`](input));

async function makeChannel(name) {
  const { channel, streamKey } = await call("CreateChannel", { name });
  return { ...channel, address: `rtmp://${channel.ingestEndpoint}/app/${streamKey.value}` };
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];

/** How old what is on the screen is, at moments over some seconds. */
async function ages(page, selector, seconds) {
  const all = [];
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; ) {
    const seen = await page.evaluate((s) => participant.read(document.querySelector(s)), selector);
    if (seen.latency !== null) all.push(seen.latency);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return all;
}

test("the player in the binary is the package's", () => {
  const [built, packed] = ["../../internal/admin/player/hls.js/hls.min.mjs", "node_modules/hls.js/dist/hls.min.mjs"].map((f) => readFileSync(new URL(f, import.meta.url)));
  assert.ok(built.equals(packed), "internal/admin/player/hls.js differs from the package that package-lock.json pins");
});

test("the player's page waits for a channel, plays it live, and plays it again", async () => {
  const channel = await makeChannel("played");
  const page = await web.page();
  await page.goto(`${server.url}/play/#${channel.playbackUrl}`);
  await eventually("the page says that it is offline", () => page.textContent("#state"), (s) => s.startsWith("Offline"));
  let encoder = broadcast(channel.address, { identity: 7 });
  const look = () => page.evaluate(() => ({ ...participant.read(document.querySelector("video")), at: document.querySelector("video").currentTime }));
  const first = await eventually("a readable picture", look, (s) => s.identity === 7 && s.width === 640);
  await eventually("the page says so", () => page.textContent("#state"), (s) => s === "Live");
  await eventually("time goes on", look, (s) => s.at > first.at + 3 && ((s.frame - first.frame) & 0xffff) > 60);
  await eventually("it comes near the edge", look, (s) => s.latency !== null && s.latency < 3000);
  const old = await ages(page, "video", 8);
  console.log(`# hls.js in the player's page: ${quantile(old, 0.5)} ms behind the drawing of the picture (median of ${old.length}; 95 % ${quantile(old, 0.95)} ms), encoder's own delay included`);
  console.log(`# the page says: ${await page.textContent("#figures")}`);
  assert.ok(quantile(old, 0.5) < 3000, `the picture is ${quantile(old, 0.5)} ms old`);
  const { stream } = await call("GetStream", { channelArn: channel.arn });
  assert.deepEqual([stream.state, stream.health, stream.viewerCount], ["LIVE", "HEALTHY", 1]);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });

  await encoder.kill();
  await eventually("the page says that it is offline again", () => page.textContent("#state"), (s) => s.startsWith("Offline"));
  encoder = broadcast(channel.address, { identity: 8 });
  await eventually("the second stream's picture", look, (s) => s.identity === 8);
  await encoder.stop();
  await page.close();
});
