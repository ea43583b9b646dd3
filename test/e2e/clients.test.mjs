// WebRTC stacks that aren't a browser's: each publishes to a browser or watches one,
// with nothing but a token.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { build } from "esbuild";

import { awaitRecordedVideo, claims, eventually, recordedCodecs, recordingConfiguration, run, server, serverAndBrowser, web } from "./harness.mjs";

const python = process.env.E2E_PYTHON ?? new URL("../../.cache/e2e/python/bin/python", import.meta.url).pathname;
serverAndBrowser();

const blue = ([r, g, b]) => r < 70 && g < 70 && b > 180;
const red = ([r, g, b]) => r > 140 && g < 90 && b < 90;

/** A stage that records: what every client publishes is checked when the server stops. */
async function stage(name) {
  const { arn } = (await server.call("CreateStage", { name, autoParticipantRecordingConfiguration: await recordingConfiguration(server.call) })).stage;
  const participant = async (id) => {
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
    return (await server.call("GetParticipant", { stageArn: arn, sessionId, participantId: id })).participant;
  };
  return { token: (user, capabilities) => server.token(arn, user, capabilities), participant };
}

/** A client of clients/, and the objects that it printed. */
function client(t, stack, environment, ...args) {
  const tool = run({ command: "env" }, ...environment, process.execPath, new URL(`clients/${stack}.mjs`, import.meta.url).pathname, ...args);
  t.after(() => tool.stop());
  const said = () => tool.lines.flatMap((l) => (l.startsWith("{") ? [JSON.parse(l)] : []));
  return {
    hears: async (what, satisfied) => {
      const all = await eventually(what, said, (s) => s.some(satisfied)).catch((e) => {
        throw new Error(`${e.message}\n${tool.lines.filter((l) => !l.startsWith("{")).join("\n")}`);
      });
      return all.findLast(satisfied);
    },
    end: () => tool.child.stdin.end(),
  };
}

/** A page that subscribes to the participant, sees blue and hears the tone, as far as there are both. */
async function seen(t, { token }, id, { video = true, audio = true } = {}) {
  const page = await web.page();
  t.after(() => page.close());
  const subscribed = page.evaluate(([k, i]) => participant.subscribe(k, i), [await token("bob", ["SUBSCRIBE"]), id]);
  if (!video) subscribed.catch(() => {}); // it awaits a picture
  if (video) {
    await subscribed;
    const picture = await eventually("a blue picture", () => page.evaluate((i) => participant.look(i), id), (s) => blue(s.colour));
    assert.deepEqual([picture.width, picture.height], [640, 360]);
  }
  if (audio) await eventually("sound", () => page.evaluate((i) => participant.received(i), id).catch(() => []), (s) => s.some((x) => x.kind === "audio" && x.packetsReceived > 50 && x.audioLevel > 0.01));
}

for (const [stack, codec] of [["libdatachannel", "H264"], ["libdatachannel", "VP8"], ["werift", "H264"], ["werift", "VP8"], ["wrtc", "VP8"]]) {
  const environment = [`CODEC=${codec}`];

  test(`${stack} publishes ${codec}, a browser sees and hears it, and DELETE ends it`, async (t) => {
    const { token, participant } = await stage(`${stack}-${codec}-publishes`);
    const key = await token("ann");
    const { jti: id } = claims(key);
    const publisher = client(t, stack, environment, "publish", key);
    await publisher.hears("a connection", (m) => m.state === "connected");
    await seen(t, { token }, id);
    assert.equal((await participant(id)).published, true);
    publisher.end();
    assert.equal((await publisher.hears("the end", (m) => m.deleted)).deleted, 200);
    assert.equal((await participant(id)).state, "DISCONNECTED");
  });

  test(`${stack} subscribes to a browser that publishes ${codec}`, async (t) => {
    const { token, participant: get } = await stage(`${stack}-${codec}-subscribes`);
    const page = await web.page();
    t.after(() => page.close());
    const { id } = await page.evaluate(([k, c]) => participant.publish(k, { codec: c, width: 640, height: 360 }), [await token("ann"), codec]);
    const key = await token("bob", ["SUBSCRIBE"]);
    const viewer = client(t, stack, environment, "subscribe", key, id);
    const picture = await viewer.hears("thirty pictures", (m) => m.event === "picture" && m.count > 30);
    assert.ok(red(picture.colour), `the colour is ${picture.colour}, expected red`);
    await viewer.hears("the tone", (m) => m.event === "sound" && m.rms > 1000);
    assert.equal((await get(claims(key).jti)).state, "CONNECTED");
  });
}

test("wrtc, which has no H.264, hears a browser that publishes it", async (t) => {
  const { token } = await stage("wrtc-without-h264");
  const page = await web.page();
  t.after(() => page.close());
  const { id } = await page.evaluate((k) => participant.publish(k, { width: 640, height: 360 }), await token("ann"));
  const viewer = client(t, "wrtc", [], "subscribe", await token("bob", ["SUBSCRIBE"]), id);
  await viewer.hears("the tone", (m) => m.event === "sound" && m.rms > 1000);
});

// The newest ffmpeg that a registry carries; Debian's has no WHIP.
const newest = spawnSync(python, ["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"], { encoding: "utf8" }).stdout.trim();

const pictures = ["-re", "-f", "lavfi", "-i", "color=blue:size=640x360:rate=30"];
const tone = ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
const x264 = (profile) => ["-c:v", "libx264", "-profile:v", profile, "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p", "-b:v", "800k", "-g", "60"];
const opus = ["-c:a", "libopus", "-ac", "2"];

for (const [what, options, media] of [
  ["H.264 baseline", [...pictures, ...tone, ...x264("baseline"), ...opus]],
  ["H.264 High", [...pictures, ...tone, ...x264("high"), ...opus]],
  ["H.264 as the active side of DTLS", [...pictures, ...tone, ...x264("baseline"), ...opus, "-whip_flags", "dtls_active"]],
  ["audio only", [...tone, ...opus], { video: false }],
  ["video only", [...pictures, ...x264("baseline")], { audio: false }],
]) {
  test(`ffmpeg publishes ${what} by WHIP`, async (t) => {
    const { token, participant } = await stage(`ffmpeg-${what.replaceAll(/\W/g, "-")}`);
    const key = await token("ann");
    const { jti: id, whip_url: whip } = claims(key);
    const tool = run({ command: newest }, "-v", "warning", ...options, "-f", "whip", "-authorization", key, whip);
    t.after(() => tool.stop());
    await eventually("the publication", () => participant(id).catch(() => ({})), (p) => p.published);
    await seen(t, { token }, id, media).catch((e) => assert.fail(`${e.message}\n${tool.lines.join("\n")}`));
    assert.match((await participant(id)).browserName, /FFmpeg|Lavf/);
    if (media?.video !== false) await awaitRecordedVideo(() => participant(id));
    await tool.stop();
    await eventually("the end", () => participant(id), (p) => p.state === "DISCONNECTED");
    const expected = [...(media?.video === false ? [] : ["h264"]), ...(media?.audio === false ? [] : ["opus"])];
    assert.deepEqual(await recordedCodecs(() => participant(id)), expected);
  });
}

// The WHIP and WHEP packages that web pages use, in one script.
const packages = `
  export { WHEPClient } from "whip-whep/whep.js";
  export { WHIPClient } from "whip-whep/whip.js";
  export { WHIPClient as EyevinnPublisher } from "@eyevinn/whip-web-client";
  export { WebRTCPlayer as EyevinnPlayer } from "@eyevinn/webrtc-player";`;

/** A page that has the packages as `packages`; faults are the errors that nobody handled. */
async function pageWithPackages(t) {
  const { outputFiles } = await build({ stdin: { contents: packages, resolveDir: import.meta.dirname }, bundle: true, write: false, format: "iife", globalName: "packages", logLevel: "error" });
  const page = await web.page();
  t.after(() => page.close());
  const faults = [];
  page.on("pageerror", (e) => faults.push(e.message));
  await page.addScriptTag({ content: outputFiles[0].text });
  // A blue picture and a tone; and what a video element shows in its middle.
  await page.evaluate(() => {
    window.source = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
      const g = canvas.getContext("2d");
      setInterval(() => ((g.fillStyle = "#0000ff"), g.fillRect(0, 0, 640, 360)), 33);
      const audio = new AudioContext();
      const oscillator = new OscillatorNode(audio, { frequency: 440 });
      const out = audio.createMediaStreamDestination();
      oscillator.connect(out);
      oscillator.start();
      return new MediaStream([...out.stream.getAudioTracks(), ...canvas.captureStream(30).getVideoTracks()]);
    };
    window.screen_ = document.body.appendChild(Object.assign(document.createElement("video"), { autoplay: true, muted: true, playsInline: true }));
    window.shown = () => (screen_.videoWidth ? participant.read(screen_).colour : [0, 0, 0]);
  });
  return { page, faults };
}

const publishers = {
  "whip-whep": async ([key, url]) => {
    const peer = new RTCPeerConnection();
    for (const track of source().getTracks()) peer.addTransceiver(track, { direction: "sendonly" });
    window.client = new packages.WHIPClient();
    await client.publish(peer, url, key);
    window.end = () => client.stop();
  },
  "@eyevinn/whip-web-client": async ([key, url]) => {
    window.client = new packages.EyevinnPublisher({ endpoint: url, opts: { authkey: key, iceServers: [] } });
    await client.ingest(source());
    window.end = () => client.destroy();
  },
};

for (const [name, publish] of Object.entries(publishers)) {
  test(`${name} publishes`, async (t) => {
    const { token, participant } = await stage(`web-${publish.length}-${name.replaceAll(/\W/g, "-")}`);
    const { page, faults } = await pageWithPackages(t);
    const key = await token("ann");
    const { jti: id, whip_url: whip } = claims(key);
    await page.evaluate(publish, [key, whip]);
    await eventually("the publication", () => participant(id).catch(() => ({})), (p) => p.published);
    await seen(t, { token }, id);
    await page.evaluate(() => end());
    await eventually("the end", () => participant(id), (p) => p.state === "DISCONNECTED", 10);
    assert.deepEqual(faults, []);
  });
}

const viewers = {
  "whip-whep": async ([key, url]) => {
    const peer = new RTCPeerConnection();
    screen_.srcObject = new MediaStream();
    peer.addEventListener("track", (e) => screen_.srcObject.addTrack(e.track));
    peer.addTransceiver("audio", { direction: "recvonly" });
    peer.addTransceiver("video", { direction: "recvonly" });
    window.client = new packages.WHEPClient();
    await client.view(peer, url, key);
    window.end = () => client.stop();
  },
  "@eyevinn/webrtc-player": async ([key, url]) => {
    window.client = new packages.EyevinnPlayer({ video: screen_, type: "whep", iceServers: [] });
    await client.load(new URL(url), `Bearer ${key}`);
    window.end = () => client.destroy();
  },
};

for (const [name, view] of Object.entries(viewers)) {
  test(`${name} subscribes`, async (t) => {
    const { token } = await stage(`web-view-${name.replaceAll(/\W/g, "-")}`);
    const publisher = await web.page();
    t.after(() => publisher.close());
    const { id } = await publisher.evaluate((k) => participant.publish(k, { width: 640, height: 360 }), await token("ann"));
    const { page, faults } = await pageWithPackages(t);
    const key = await token("bob", ["SUBSCRIBE"]);
    await page.evaluate(view, [key, `${claims(key).whip_url}/subscribe/${id}`]);
    await eventually("a red picture", () => page.evaluate(() => shown()), red);
    await page.evaluate(() => end());
    assert.deepEqual(faults, []);
  });
}
