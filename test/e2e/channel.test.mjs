// A channel as its broadcaster and its viewers meet it: an encoder sends by RTMP,
// hls.js plays it in the player's page and in a page of somebody else.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { broadcast } from "./encoder.mjs";
import { bestOf, binary, browse, browseFirefox, eventually, freePort, run, serve } from "./harness.mjs";
import { participant } from "./page.mjs";

let server, web;

before(async () => {
  server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  web = await browse();
});
after(async () => {
  await web?.stop();
  await server?.stop();
});

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];

/**
 * Looks for some seconds how old what is on the screen is, and tells the median and what
 * 95 % keep within; the median must. A player that a busy machine held up needs a while
 * to come back to the edge.
 */
function ages(look, limit) {
  return bestOf(3, async () => {
    const all = [];
    for (const end = Date.now() + 8000; Date.now() < end; ) {
      const { latency } = await look();
      if (latency !== null) all.push(latency);
      await pause(100);
    }
    const median = quantile(all, 0.5);
    assert.ok(median < limit, `the picture is ${median} ms old`);
    return `${median} ms behind the drawing of the picture (median of ${all.length}; 95 % ${quantile(all, 0.95)} ms)`;
  });
}

/** Keeps what the page looks like, for who wants to see it. */
async function photograph(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

test("the player in the binary is the package's", () => {
  const [built, packed] = ["../../internal/web/player/hls.js/hls.min.mjs", "node_modules/hls.js/dist/hls.min.mjs"].map((f) => readFileSync(new URL(f, import.meta.url)));
  assert.ok(built.equals(packed), "internal/web/player/hls.js differs from the package that package-lock.json pins");
});

test("the player's page waits for a channel, plays it live, and plays it again", async (t) => {
  const channel = await server.createChannel("played");
  const page = await web.page();
  await page.goto(`${server.url}/play/#${channel.playbackUrl}`);
  await eventually("the page says that it is offline", () => page.textContent("#state"), (s) => s.startsWith("Offline"));
  let encoder = broadcast(channel.address, { identity: 7 });
  t.after(() => encoder.kill());
  const look = () => page.evaluate(() => ({ ...participant.read(document.querySelector("video")), at: document.querySelector("video").currentTime }));
  const first = await eventually("a readable picture", look, (s) => s.identity === 7 && s.width === 640);
  await eventually("the page says so", () => page.textContent("#state"), (s) => s === "Live");
  await eventually("time goes on", look, (s) => s.at > first.at + 3 && ((s.frame - first.frame) & 0xffff) > 60);
  await eventually("it comes near the edge", look, (s) => s.latency !== null && s.latency < 3000);
  console.log(`# hls.js in the player's page: ${await ages(look, 3000)}, encoder's own delay included`);
  console.log(`# the page says: ${await page.textContent("#figures")}`);
  const stream = async () => (await server.callChannels("GetStream", { channelArn: channel.arn })).stream;
  await eventually("the API says so", stream, (s) => s.state === "LIVE" && s.health === "HEALTHY" && s.viewerCount === 1, 20);
  await photograph(page, "channel");

  await encoder.kill();
  await eventually("the page says that it is offline again", () => page.textContent("#state"), (s) => s.startsWith("Offline"));
  encoder = broadcast(channel.address, { identity: 8 });
  await eventually("the second stream's picture", look, (s) => s.identity === 8);
  await encoder.stop();
  await page.close();
});

// WebKit (WebKitGTK 2.50) does so where live media are late.
test("the player's page goes on in a browser that ended the stream because it had no more", async (t) => {
  const channel = await server.createChannel("ran-out");
  const encoder = broadcast(channel.address, { identity: 10 });
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);
  const page = await web.page();
  await page.goto(`${server.url}/play/#${channel.playbackUrl}`);
  const state = () => page.textContent("#state");
  await eventually("it plays", state, (s) => s === "Live");
  await page.evaluate(() => {
    const video = document.querySelector("video");
    Object.defineProperty(video, "ended", { value: true, configurable: true });
    video.pause();
  });
  await eventually("the page says so", state, (s) => s === "Waiting for more …");
  await page.evaluate(() => delete document.querySelector("video").ended);
  await eventually("it plays again", () => page.evaluate(() => document.querySelector("video").paused), (paused) => !paused);
  await eventually("the page says so", state, (s) => s === "Live");
  await encoder.stop();
  await page.close();
});

test("hls.js plays a channel in a page of another origin, at low latency", async (t) => {
  const channel = await server.createChannel("elsewhere");
  const encoder = broadcast(channel.address, { identity: 9, video: ["-preset", "veryfast", "-tune", "zerolatency"] });
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);
  const page = await web.page();
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.min.js", import.meta.url)) });
  await page.evaluate((url) => {
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
    document.body.append(video);
    window.faults = [];
    const hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.2 }); // who was held up comes back to the edge
    hls.on(Hls.Events.ERROR, (_, e) => e.fatal && window.faults.push(e.details));
    hls.loadSource(url);
    hls.attachMedia(video);
  }, channel.playbackUrl);
  const look = () => page.evaluate(() => participant.read(document.querySelector("video")));
  await eventually("a recent picture", look, (s) => s.identity === 9 && s.latency !== null && s.latency < 3000);
  console.log(`# hls.js in a page of another origin, encoder without B-frames: ${await ages(look, 3000)}`);
  assert.deepEqual(await page.evaluate(() => window.faults), []);
  await encoder.stop();
  await page.close();
});

const firefox = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

test("the player's page plays a channel in Firefox", { skip: existsSync(firefox) ? false : `no ${firefox}` }, async () => {
  const channel = await server.createChannel("firefox");
  const encoder = broadcast(channel.address, { identity: 11 });
  const browser = await browseFirefox();
  try {
    const page = await browser.page();
    await page.goto(`${server.url}/play/#${channel.playbackUrl}`);
    await page.evaluate(participant);
    const look = () => page.evaluate(() => ({ ...globalThis.participant.read(document.querySelector("video")), at: document.querySelector("video").currentTime }));
    const first = await eventually("a readable picture", look, (s) => s.identity === 11 && s.latency !== null && s.latency < 5000);
    await eventually("time goes on", look, (s) => s.at > first.at + 3 && s.latency !== null && s.latency < 5000);
  } finally {
    await browser.stop();
    await encoder.stop();
  }
});

const composes = existsSync(join(dirname(binary), "rostrum-media"));

test("a composition plays from its channel, and its recording after the end", { skip: composes ? false : "rostrum-media is not built" }, async () => {
  const channel = await server.createChannel("composed");
  const { stage } = await server.call("CreateStage", { name: "composed" });
  const publishers = [];
  for (const name of ["ann", "bob"]) publishers.push(run("publish", "--token", await server.token(stage.arn, name, ["PUBLISH"]), "--size", "1280x720"));
  const { storageConfiguration } = await server.call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  const { encoderConfiguration } = await server.call("CreateEncoderConfiguration", {});
  const { composition } = await server.call("StartComposition", {
    stageArn: stage.arn,
    layout: { grid: { videoFillMode: "CONTAIN" } },
    destinations: [
      { channel: { channelArn: channel.arn, encoderConfigurationArn: encoderConfiguration.arn } },
      { s3: { storageConfigurationArn: storageConfiguration.arn, encoderConfigurationArns: [encoderConfiguration.arn] } },
    ],
  });
  const page = await web.page();
  await page.goto(`${server.url}/play/#${channel.playbackUrl}`);
  // The first tile is the left half: its picture begins at a quarter of the height.
  const look = () => page.evaluate(() => {
    const video = document.querySelector("video");
    const tile = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    tile.getContext("2d").drawImage(video, 0, 180, 640, 360, 0, 0, 640, 360);
    Object.assign(tile, { videoWidth: 640, videoHeight: 360 });
    return { ...participant.read(tile), width: video.videoWidth, at: video.currentTime };
  });
  const first = await eventually("a tile with a recent picture", look, (s) => s.width === 1280 && s.latency !== null && s.latency < 3000);
  await eventually("time goes on", look, (s) => s.at > first.at + 3 && s.latency !== null && s.latency < 3000);
  console.log(`# publisher, composition, channel, hls.js: ${await ages(look, 4000)}`);
  await photograph(page, "composition");

  await server.call("StopComposition", { arn: composition.arn });
  const ended = await eventually("the composition has stopped", () => server.call("GetComposition", { arn: composition.arn }), (a) => a.composition.state === "STOPPED");
  await Promise.all(publishers.map((p) => p.stop()));
  const { recordingPrefix } = ended.composition.destinations.find((d) => d.detail?.s3).detail.s3;
  const link = run("link", `recordings/${recordingPrefix}`, "--data-dir", server.dir, "--public-url", server.url);
  await link.exited;
  await page.goto("about:blank");
  await page.goto(`${server.url}/play/#${link.lines[0]}`);
  const recording = await eventually("the recording plays", look, (s) => s.width === 1280 && s.at > 2 && s.identity !== null);
  assert.ok(recording.frame !== null);
  await eventually("the page says so", () => page.textContent("#state"), (s) => s === "Recording");
  const lasts = await page.evaluate(() => document.querySelector("video").duration);
  assert.ok(lasts > 8 && lasts < 120, `the recording lasts ${lasts} s`);
  await photograph(page, "recording");
  await page.evaluate(() => (document.querySelector("video").currentTime = document.querySelector("video").duration - 0.5));
  await eventually("it comes to its end", () => page.textContent("#state"), (s) => s === "The end");
  await page.close();
});
