// What a browser publishes is recorded, VP8 as H.264 and other codecs as they are: all decodes, and as much time
// passes in the recording as passed in the browser, also while audio and video pause.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { binary, eventually, recordingConfiguration, run, server, serverAndBrowser, web } from "./harness.mjs";
import { beginShaka, open } from "./hls-players.mjs";

serverAndBrowser();

/** What ffprobe says of a recording: its streams, and when the last packet of each begins. */
function probe(playlist) {
  const { streams, packets } = JSON.parse(execFileSync("ffprobe", ["-v", "error", "-of", "json", "-count_frames", "-show_streams", "-show_packets", playlist], { maxBuffer: 1 << 28 }));
  const ends = (kind) => Math.max(...packets.filter((p) => p.codec_type === kind).map((p) => Number(p.pts_time)));
  const video = packets.filter((p) => p.codec_type === "video").length;
  return { streams, video, audioEnds: ends("audio"), videoEnds: ends("video") };
}

async function linkTo(prefix) {
  const link = run("link", `recordings/${prefix}`, "--data-dir", server.dir, "--public-url", server.url);
  await link.exited;
  return link.lines[0];
}

/** The largest size of all sections, as their initialization sections have it. */
function largest(folder) {
  const sizes = readdirSync(folder).filter((name) => name.startsWith("init-")).map((name) => {
    const { streams } = JSON.parse(execFileSync("ffprobe", ["-v", "quiet", "-of", "json", "-show_streams", join(folder, name)]));
    return streams.find((s) => s.codec_type === "video");
  }).filter(Boolean);
  const { width, height } = sizes.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a));
  return `${width}x${height}`;
}

/** Has Shaka Player play a recording to its end. */
async function playInShaka(url) {
  const page = await open(web, beginShaka, url);
  const look = () => page.evaluate(() => ({ width: video.videoWidth, at: video.currentTime, lasts: video.duration, ended: video.ended, faults }));
  await eventually("Shaka Player plays", look, (s) => s.width > 0 && s.at > 1);
  await page.evaluate(() => (video.currentTime = video.duration - 1));
  const { faults } = await eventually("Shaka Player comes to the end", look, (s) => s.ended);
  assert.deepEqual(faults, []);
  await page.close();
}

/** Has the player's page play a recording to its end. */
async function play(page, prefix) {
  await page.goto("about:blank");
  await page.goto(`${server.url}/play/#${await linkTo(prefix)}`);
  const look = () => page.evaluate(() => (({ videoWidth, currentTime, duration }) => ({ videoWidth, currentTime, duration }))(document.querySelector("video")));
  await eventually("it plays", look, (s) => s.videoWidth > 0 && s.currentTime > 1);
  await page.evaluate(() => (document.querySelector("video").currentTime = document.querySelector("video").duration - 1));
  await eventually("it comes to its end", () => page.textContent("#state"), (s) => s === "The end");
}

const names = { H264: "h264", VP8: "h264", VP9: "vp9", AV1: "av1" };
const codecs = { H264: /^avc1\.42[ce]0../, VP8: /^avc1\.4d40../, VP9: /^vp09\.00\.\d\d\.08/, AV1: /^av01\.0\.\d\dM\.08/ };

for (const [codec, how] of [
  ["H264", {}], ["H264", { simulcast: true }], ["VP8", {}], ["VP8", { simulcast: true }],
  ["VP9", {}], ["VP9", { scalabilityMode: "L1T3" }], ["VP9", { scalabilityMode: "L3T3_KEY" }], ["VP9", { scalabilityMode: "L3T3" }], ["AV1", {}],
]) {
  test(`a browser's ${codec}${how.simulcast ? " in three layers" : ""}${how.scalabilityMode ? ` as ${how.scalabilityMode}` : ""} is recorded`, async (t) => {
    const { stage } = await server.call("CreateStage", { autoParticipantRecordingConfiguration: await recordingConfiguration(server.call) });
    const page = await web.page();
    const able = await page.evaluate((c) => RTCRtpSender.getCapabilities("video").codecs.some((k) => k.mimeType === `video/${c}`), codec);
    if (!able) return t.skip(`this browser does not encode ${codec}`);
    const { id } = await page.evaluate(([token, look]) => participant.publish(token, look), [await server.token(stage.arn, "ann"), { codec, ...how, width: 1280, height: 720, fps: 15 }]);
    let sessionId;
    const recorded = async () => {
      sessionId ??= (await server.call("ListStageSessions", { stageArn: stage.arn })).stageSessions[0]?.sessionId;
      return sessionId && (await server.call("GetParticipant", { stageArn: stage.arn, sessionId, participantId: id })).participant;
    };
    await eventually("it is recorded", recorded, (p) => p?.recordingState === "ACTIVE");
    await pause(3000);
    const { audio, video } = await page.evaluate(async (i) => {
      const { pc } = participant.publications[i];
      const [audio, video] = pc.getSenders();
      const tracks = [audio.track, video.track];
      await Promise.all([audio.replaceTrack(null), video.replaceTrack(null)]);
      await new Promise((r) => setTimeout(r, 4000));
      await Promise.all([audio.replaceTrack(tracks[0]), video.replaceTrack(tracks[1])]);
      return { audio: tracks[0].readyState, video: tracks[1].readyState };
    }, id);
    assert.deepEqual([audio, video], ["live", "live"]);
    await pause(3000);
    await page.evaluate((i) => participant.unpublish(i), id);
    const p = await eventually("the recording has ended", recorded, (r) => r.recordingState === "STOPPED");
    const folder = join(server.dir, "buckets", "recordings", p.recordingS3Prefix, "media/hls");
    const multivariant = readFileSync(join(folder, "multivariant.m3u8"), "utf8");
    assert.match(/CODECS="([^"]*)"/.exec(multivariant)[1], codecs[codec]);
    assert.equal(/RESOLUTION=(\d+x\d+)/.exec(multivariant)[1], largest(join(folder, "high")));
    const playlist = join(folder, "high/playlist.m3u8");
    assert.equal(execFileSync("ffmpeg", ["-v", "error", "-xerror", "-i", playlist, "-map", "0:v", "-fps_mode", "passthrough", "-vf", "scale=32:18", "-f", "rawvideo", "-y", "/dev/null"], { stdio: ["ignore", "pipe", "inherit"] }).toString(), "");
    const { streams, video: pictures, audioEnds, videoEnds } = probe(playlist);
    const stream = streams.find((s) => s.codec_type === "video");
    assert.equal(stream.codec_name, names[codec]);
    assert.equal(Number(stream.nb_read_frames), pictures, "each sample is one picture, also of several layers");
    execFileSync(binary, ["recordings", "verify", `recordings/${p.recordingS3Prefix}`, "--data-dir", server.dir], { stdio: "inherit" });
    const mayEnd = how.scalabilityMode ? 1.5 : 0.5; // s before the audio: on a slow machine the encoder omits pictures
    assert.ok(Math.abs(audioEnds - videoEnds) < mayEnd, `audio ends at ${audioEnds}, video at ${videoEnds}`);
    assert.ok(audioEnds > 9.5, `with pauses it lasts ${audioEnds} s`);
    await play(page, p.recordingS3Prefix);
    await page.close();
    if (codec !== "VP8" && Object.keys(how).length === 0) await playInShaka(await linkTo(p.recordingS3Prefix));
  });
}
