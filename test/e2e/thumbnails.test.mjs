// The player's page shows the thumbnails of recordings: to a pointer and to the keyboard, at
// the size of a desktop and of a phone, and of recordings that have nothing else.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browse, eventually, run, serve } from "./harness.mjs";
import { participant } from "./page.mjs";

let server, web;

before(async () => {
  server = await serve();
  web = await browse();
});
after(async () => {
  await web?.stop();
  await server?.stop();
});

/** Keeps what the page looks like, for who wants to see it. */
async function photograph(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

/** Opens a recording in the player's page. */
async function open(page, prefix) {
  const address = await eventually("there is something to link to", async () => {
    const link = run("link", `recordings/${prefix}`, "--data-dir", server.dir, "--public-url", server.url);
    await link.exited;
    return link.lines[0];
  }, (line) => line?.startsWith("http"));
  await page.goto("about:blank");
  await page.goto(`${server.url}/play/#${address}`);
}

/** Plays a recording with thumbnails in the player's page. */
async function play(page, prefix) {
  await open(page, prefix);
  await eventually("the bar is there", () => page.isVisible("#scrubber input"), (is) => is);
  await eventually("the length is known", () => page.evaluate(() => document.querySelector("video").duration), (d) => d > 3);
}

/**
 * What the preview shows: the time below it, and how far from that time the picture is, by the
 * pattern's own clock, in seconds.
 */
const shown = (page) => page.evaluate(() => {
  const preview = document.querySelector("#scrubber .preview");
  const picture = preview.querySelector("img");
  if (preview.hidden || preview.ariaBusy !== "false" || !picture.complete || !picture.naturalWidth) return {};
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  canvas.getContext("2d").drawImage(picture, 0, 0, 640, 360);
  Object.assign(canvas, { videoWidth: 640, videoHeight: 360 });
  const [minutes, seconds] = preview.querySelector(".time").textContent.split(":").map(Number);
  const { latency } = participant.read(canvas); // ms since it was drawn
  return { src: picture.src, time: minutes * 60 + seconds, drawn: latency === null ? null : Date.now() - latency, box: preview.getBoundingClientRect().toJSON() };
});

/**
 * Checks the preview by pointer, at shares of the recording, and by keyboard. At some of them a
 * composition may show nobody: at its begin, or when a busy machine lost packets.
 */
async function scrub(page, early = [0.02], late = [0.95]) {
  const bar = await page.locator("#scrubber input").boundingBox();
  const lasts = await page.evaluate(() => document.querySelector("video").duration);
  const at = async (share, seconds) => {
    await page.mouse.move(bar.x + bar.width * share, bar.y + bar.height / 2);
    return eventually(`a thumbnail at ${share}`, () => shown(page), (s) => s.drawn && Math.abs(s.time - share * lasts) < 1.5, seconds);
  };
  const anyOf = async ([share, ...others]) => {
    try {
      return { share, ...(await at(share, others.length ? 5 : 40)) };
    } catch (error) {
      if (!others.length) throw error;
      return anyOf(others);
    }
  };
  const first = await anyOf(early);
  const last = await anyOf(late);
  const [between, expected] = [(last.drawn - first.drawn) / 1000, (last.share - first.share) * lasts];
  assert.ok(Math.abs(between - expected) < 3, `pictures of ${between} s, in ${expected} s of the recording`);
  const width = page.viewportSize().width;
  for (const { box } of [first, last]) assert.ok(box.left >= 0 && box.right <= width && box.top >= 0, `the preview is within the page: ${JSON.stringify(box)}`);
  await photograph(page, `thumbnails-${width}`);

  await page.mouse.move(1, 1);
  await eventually("it goes with the pointer", () => page.isHidden("#scrubber .preview"), (is) => is);
  await page.evaluate(() => document.querySelector("video").pause());
  await page.focus("#scrubber input");
  await page.keyboard.press("Home");
  const begins = await eventually("the keyboard shows the begin", () => shown(page), (s) => s.time === 0);
  await page.keyboard.press("ArrowRight");
  const on = await eventually("an arrow key goes on", () => shown(page), (s) => s.src && s.time === Math.floor(Math.min(5, lasts)));
  assert.ok(!begins.drawn || !on.drawn || Math.abs(on.drawn - begins.drawn - 5000) < 3000, `5 s later it shows ${on.drawn - begins.drawn} ms`);
  assert.ok((await page.evaluate(() => document.querySelector("video").currentTime)) > 2);
  assert.match(await page.getAttribute("#scrubber input", "aria-valuetext"), /^0:0\d of \d+:\d\d$/);
  await page.keyboard.press("Escape");
  await eventually("Escape hides it", () => page.isHidden("#scrubber .preview"), (is) => is);
}

test("the player's page shows thumbnails of a participant and of a composition", async () => {
  const { storageConfiguration } = await server.call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  const { stage } = await server.call("CreateStage", { autoParticipantRecordingConfiguration: {
    storageConfigurationArn: storageConfiguration.arn,
    thumbnailConfiguration: { recordingMode: "INTERVAL", targetIntervalSeconds: 1 },
    hlsConfiguration: { targetSegmentDurationSeconds: 2 },
  } });
  const publisher = run("publish", "--token", await server.token(stage.arn, "ann", ["PUBLISH"]), "--size", "1280x720");
  const { encoderConfiguration } = await server.call("CreateEncoderConfiguration", {});
  const { composition } = await server.call("StartComposition", {
    stageArn: stage.arn,
    layout: { grid: { videoFillMode: "CONTAIN", gridGap: 0 } },
    destinations: [{ s3: {
      storageConfigurationArn: storageConfiguration.arn, encoderConfigurationArns: [encoderConfiguration.arn],
      thumbnailConfigurations: [{ targetIntervalSeconds: 1 }],
    } }],
  });
  const page = await web.page();
  await eventually("both are recorded for a while", async () => {
    const { composition: c } = await server.call("GetComposition", { arn: composition.arn });
    return c.destinations[0].startTime && Date.now() - Date.parse(c.destinations[0].startTime);
  }, (age) => age > 12_000);
  await server.call("StopComposition", { arn: composition.arn });
  const ended = await eventually("the composition has stopped", () => server.call("GetComposition", { arn: composition.arn }), (a) => a.composition.state === "STOPPED");
  await publisher.stop();
  const { stageSessions: [session] } = await server.call("ListStageSessions", { stageArn: stage.arn });
  const recorded = await eventually("the recording has ended", async () => {
    const { participants } = await server.call("ListParticipants", { stageArn: stage.arn, sessionId: session.sessionId, filterByRecordingState: "STOPPED" });
    return participants[0] && (await server.call("GetParticipant", { stageArn: stage.arn, sessionId: session.sessionId, participantId: participants[0].participantId })).participant;
  }, (p) => p?.recordingS3Prefix);

  for (const size of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    await play(page, recorded.recordingS3Prefix);
    await scrub(page);
  }
  await play(page, ended.composition.destinations[0].detail.s3.recordingPrefix);
  await scrub(page, [0.3, 0.4, 0.45, 0.5], [0.95, 0.9, 0.85, 0.75]);
  await page.close();
});

test("a link plays a recording of audio alone, and shows one of thumbnails alone", async () => {
  const { storageConfiguration } = await server.call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  const published = await Promise.all([
    { mediaTypes: ["AUDIO_ONLY"], hlsConfiguration: { targetSegmentDurationSeconds: 2 } },
    { mediaTypes: ["NONE"], thumbnailConfiguration: { recordingMode: "INTERVAL", targetIntervalSeconds: 1 } },
  ].map(async (how) => {
    const { stage } = await server.call("CreateStage", { autoParticipantRecordingConfiguration: { storageConfigurationArn: storageConfiguration.arn, ...how } });
    return { stage, publisher: run("publish", "--token", await server.token(stage.arn, "ann", ["PUBLISH"]), "--size", "640x360") };
  }));
  const [audio, images] = await Promise.all(published.map(({ stage }) => eventually("it is recorded", async () => {
    const { stageSessions: [session] } = await server.call("ListStageSessions", { stageArn: stage.arn });
    if (!session) return undefined;
    const { participants: [p] } = await server.call("ListParticipants", { stageArn: stage.arn, sessionId: session.sessionId, filterByRecordingState: "ACTIVE" });
    return p && (await server.call("GetParticipant", { stageArn: stage.arn, sessionId: session.sessionId, participantId: p.participantId })).participant;
  }, (p) => p?.recordingS3Prefix)));
  const page = await web.page();
  await open(page, images.recordingS3Prefix);
  const last = () => page.evaluate(() => ({ width: document.querySelector("#slides img").naturalWidth, text: document.querySelector("#slides figcaption").textContent }));
  await eventually("the newest thumbnail is shown", last, (s) => s.width === 640 && /^(\d+) of \1 ·/.test(s.text));
  await page.focus("#slides input");
  await page.keyboard.press("Home");
  await eventually("the keyboard shows the first", last, (s) => s.width === 640 && /^1 of \d+ ·/.test(s.text));
  assert.equal(await page.isHidden("video"), true);
  await open(page, audio.recordingS3Prefix);
  await eventually("audio plays", () => page.evaluate(() => document.querySelector("video").currentTime), (at) => at > 1);
  await eventually("the page says so", () => page.textContent("#figures"), (text) => text.startsWith("audio"));
  await Promise.all(published.map(({ publisher }) => publisher.stop()));
  await page.close();
});
