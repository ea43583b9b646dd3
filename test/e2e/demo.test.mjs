// The demo as who tries Rostrum meets it: the stage's page, the channel in the
// player's page, the composition stopped, all recordings in the same player.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, before, test } from "node:test";

import * as ivs from "@aws-sdk/client-ivs-realtime";

import { bestOf, browse, eventually, freePort, joinCall, run, smallCamera } from "./harness.mjs";

let web;

before(async () => {
  web = await browse();
});
after(() => web?.stop());

/** A running demo; say collects what it prints that has a field. */
async function demo() {
  const show = run("demo", "--json", "--listen", `127.0.0.1:${await freePort()}`, "--media-port", `${await freePort()}`);
  const says = (field) => show.lines.filter((l) => l.startsWith("{")).map((l) => JSON.parse(l)).find((l) => field in l);
  const scene = await eventually("the demo says what there is to see", () => says("page") ?? show.lines, (s) => "page" in s);
  return { ...show, scene, says };
}

/** The variables that the demo's line for the shell sets. */
async function shell({ environment }) {
  const { lines, exited } = run({ command: "bash" }, "-c", `${environment}; env`);
  await exited;
  return Object.fromEntries(lines.map((l) => l.split(/=(.*)/s).slice(0, 2)));
}

/** The identity and the colour that rostrum publish gives to a name. */
function look(name) {
  let h = 0x811c9dc5;
  for (const b of Buffer.from(name)) h = Math.imul(h ^ b, 0x01000193) >>> 0;
  const identity = (h >>> 16) ^ (h & 0xffff);
  const channel = (offset) => {
    const k = (offset + (identity % 12) / 2) % 6;
    return 255 * 0.75 * (1 - 0.65 * Math.max(0, Math.min(k, 4 - k, 1)));
  };
  return { identity, colour: [channel(5), channel(3), channel(1)] };
}

// Where two participants are in a grid of 1280x720, and the third of three.
const tiles = [0, 640].map((x) => ({ x, y: 180, width: 638, height: 358 }));
const third = { x: 320, y: 360, width: 638, height: 358 };

const screenshot = (page, name) => process.env.SCREENSHOTS && page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` });

/** Waits until a page plays both, moving, in their colours. */
async function expectBoth(page, expected) {
  const read = () => page.evaluate((t) => t.map((part) => participant.read(document.querySelector("video"), part)), tiles);
  const identities = new Set(expected.map((e) => e.identity));
  const first = await eventually("both participants in the picture", read, (s) => s.every((tile) => identities.has(tile.identity)) && s[0].identity !== s[1].identity);
  const looksRight = (tile) => {
    const { colour } = expected.find((e) => e.identity === tile.identity) ?? {};
    return colour?.every((c, i) => Math.abs(c - tile.colour[i]) < 25);
  };
  await eventually("their colours", read, (s) => s.every(looksRight)); // each second the lamp lights them up
  await eventually("both move", read, (s) => s.every((tile, i) => tile.frame !== null && ((tile.frame - first[i].frame) & 0xffff) > 20));
}

/** Turns the sound on as a person does, and tells how loud it becomes. */
async function listen(page) {
  await page.click("#sound");
  assert.equal(await page.evaluate(() => document.querySelector("video").muted), false, "the sound is still muted");
  await page.evaluate(() => {
    const audio = new AudioContext();
    const analyser = new AnalyserNode(audio, { fftSize: 32768 });
    audio.createMediaStreamSource(document.querySelector("video").captureStream()).connect(analyser);
    globalThis.loudness = () => {
      const wave = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(wave);
      return Math.max(...wave);
    };
  });
  return eventually("the beeps are heard", () => page.evaluate(() => loudness()), (l) => l > 0.2);
}

/** The files of a participant's recording, as documented; each kind is there. */
const layout = [
  /^events\/recording-started\.json$/, /^events\/recording-ended\.json$/, /^media\/hls\/multivariant\.m3u8$/,
  /^media\/hls\/high\/playlist\.m3u8$/, /^media\/hls\/high\/init-0\.mp4$/, /^media\/hls\/high\/\d+\.mp4$/,
  /^media\/thumbnails\/high\/\d+\.jpg$/, /^media\/latest_thumbnail\/high\/thumb\.jpg$/,
];

function expectLayout(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => `${f.parentPath}/${f.name}`.slice(folder.length + 1));
  for (const kind of layout) assert.ok(files.some((f) => kind.test(f)), `no file is called ${kind}: ${files}`);
  for (const file of files) assert.ok(layout.some((kind) => kind.test(file)), `${file} is no file of a recording`);
}

/** Expects that rostrum recordings verify finds nothing wrong. */
async function expectVerified(folder) {
  const verify = run("recordings", "verify", folder, "--json");
  const [code] = await verify.exited;
  assert.equal(code, 0, verify.lines.join("\n"));
  assert.equal(JSON.parse(verify.lines[0]).status, "RECORDING_ENDED");
}

/**
 * Opens the link that the demo prints, and what it offers to a second tab. A newcomer has a
 * call within a minute; the limit is that of a machine that is busy with all of this.
 */
async function callBetweenTabs(link) {
  const started = Date.now();
  const pages = [];
  const enter = async (address) => {
    const page = await web.page({ permissions: ["clipboard-read", "clipboard-write"] });
    pages.push(page);
    await page.addInitScript(smallCamera);
    await page.goto(address);
    await joinCall(page);
    return page;
  };
  try {
    await expectCall(enter, link);
    const seconds = (Date.now() - started) / 1000;
    console.log(`# two tabs have a call ${seconds.toFixed(1)} s after the demo's link was opened`);
    assert.ok(seconds < 180, `it took ${seconds} s`);
    await pages[0].keyboard.press("Escape");
    await screenshot(pages[0], "stage");
    for (const page of pages) await page.click("#leave-tool"); // the composition shows all who are there
  } finally {
    await Promise.all(pages.map((page) => page.close()));
  }
}

async function expectCall(enter, link) {
  const visitor = await enter(link);
  await visitor.click("#people-tool");
  await visitor.click("#invitations li:has-text('Second visitor') button");
  await visitor.waitForSelector(".toast:has-text('The link is copied')");
  const second = await enter(await visitor.evaluate(() => navigator.clipboard.readText()));
  const playing = (page) => page.$$eval("figure:not(.own)", (all) => all.filter((f) => f.querySelector("video").videoWidth > 0 && f.querySelector("video").currentTime > 1).map((f) => f.querySelector(".name").textContent).sort());
  for (const [page, other] of [[visitor, "Second visitor"], [second, "Visitor"]]) {
    await eventually(`${other} and the test participants`, () => playing(page), (names) => `${names}` === `Ada,Alan,${other}`);
  }
}

test("the demo shows a stage, a channel that plays, and recordings that play after the stop", async () => {
  const { scene, says, stop } = await demo();
  const keys = await shell(scene);
  const client = new ivs.IVSRealTimeClient({
    endpoint: keys.AWS_ENDPOINT_URL_IVS_REALTIME, region: keys.AWS_REGION,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
  });
  const call = (name, input = {}) => client.send(new ivs[`${name}Command`](input));
  const expected = ["Ada", "Alan"].map(look);

  await bestOf(2, () => callBetweenTabs(scene.page));

  const page = await web.page();
  await page.goto(scene.player);
  await eventually("the channel is live", () => page.textContent("#state"), (s) => s === "Live");
  await expectBoth(page, expected);
  await listen(page);
  await screenshot(page, "channel");
  const now = await eventually("the channel is less than 3 s behind", () => page.evaluate((part) => participant.read(document.querySelector("video"), part), tiles[0]), (s) => s.latency !== null && s.latency < 3000);
  console.log(`# the channel is ${now.latency} ms behind the participants' drawing; ${await page.textContent("#figures")}`);

  const camera = await web.page();
  const visitor = new URL(scene.page).hash.slice(1).split("&")[0];
  for (const [identity, codec] of [[7, "VP8"], [8, "H264"]]) {
    const { id } = await camera.evaluate(([t, look]) => participant.publish(t, look), [visitor, { codec, identity }]);
    await eventually(`a browser's ${codec} in the channel`, () => page.evaluate((part) => participant.read(document.querySelector("video"), part), third), (s) => s.identity === identity);
    if (codec === "H264") await screenshot(page, "three");
    await camera.evaluate((i) => participant.unpublish(i), id);
  }
  await camera.close();
  await expectBoth(page, expected);

  const { compositions } = await call("ListCompositions");
  assert.deepEqual(compositions.map((c) => [c.arn, c.state]), [[scene.compositionArn, "ACTIVE"]]);
  await call("StopComposition", { arn: scene.compositionArn });
  const ending = await eventually("the demo says where the recording is", () => says("recording"), (s) => s !== undefined);
  assert.equal(ending.state, "STOPPED");
  await eventually("the channel is offline", () => page.textContent("#state"), (s) => s.startsWith("Offline"));

  await page.goto("about:blank");
  await page.goto(ending.player);
  await eventually("the recording plays", () => page.textContent("#state"), (s) => s === "Recording");
  await expectBoth(page, expected);
  await listen(page);
  await screenshot(page, "recording");
  const length = await page.evaluate(() => document.querySelector("video").duration);
  assert.ok(length > 4, `the recording is ${length} s long`);
  await page.evaluate(() => (document.querySelector("video").currentTime = document.querySelector("video").duration - 1));
  await eventually("it plays to its end", () => page.textContent("#state"), (s) => s === "The end");
  await expectVerified(ending.folder);

  assert.deepEqual(ending.participants.map((p) => [p.name, p.recordingState]), [["Ada", "STOPPED"], ["Alan", "STOPPED"]]);
  for (const p of ending.participants) {
    await page.goto("about:blank");
    await page.goto(p.player);
    const read = () => page.evaluate(() => participant.read(document.querySelector("video")));
    const first = await eventually(`the recording of ${p.name} plays`, read, (s) => s.identity === look(p.name).identity && s.frame !== null);
    await eventually("it moves", read, (s) => s.frame !== null && ((s.frame - first.frame) & 0xffff) > 20);
    await screenshot(page, `recording-${p.name}`);
    expectLayout(p.folder);
    await expectVerified(p.folder);
  }
  await page.close();

  client.destroy();
  assert.equal(await stop(), 0);
  const [folder] = scene.environment.match(/\S*rostrum-demo-\d+/);
  assert.ok(!existsSync(folder), `${folder} is left behind`);
});

test("Enter stops the demo's composition", async () => {
  const { child, says, stop } = await demo();
  child.stdin.write("\n");
  const ending = await eventually("the demo says where the recording is", () => says("recording"), (s) => s !== undefined);
  const list = await fetch(ending.recording);
  assert.equal(list.status, 200);
  assert.match(await list.text(), /playlist\.m3u8/);
  assert.equal(await stop(), 0);
});
