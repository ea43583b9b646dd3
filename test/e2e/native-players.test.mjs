// A live channel in VLC, GStreamer, mpv and ffmpeg at once: they play it, and continue after
// all that happens to encoders and viewers. None has a display: each hands over what it shows.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import { broadcastClips, makeClip } from "./clips.mjs";
import { eventually, freePort, launch, run, serve } from "./harness.mjs";

const playing = [];
const start = (...args) => {
  const child = launch(...args);
  playing.push(child);
  return child;
};

const exists = (command) => !spawnSync(command, ["--help"]).error;
const hasElement = (...names) => names.some((n) => spawnSync("gst-inspect-1.0", [n]).status === 0);

let server, scratch;

before(async () => {
  server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  scratch = mkdtempSync(join(tmpdir(), "rostrum-players-"));
  chmodSync(scratch, 0o755);
});
after(async () => {
  for (const child of playing) child.kill("SIGKILL");
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }); // mpv may write until it is gone
});

/** A folder that a player writes into, whoever runs it. */
function makeFolder() {
  const dir = mkdtempSync(join(scratch, "player-"));
  chmodSync(dir, 0o777);
  return dir;
}

/** The colour of a PNG file's middle; none while there is no whole file. */
async function readColour(file) {
  await pause(500); // each look is a process
  try {
    const { stdout } = await promisify(execFile)("ffmpeg", ["-v", "error", "-i", file, "-vf", "crop=iw/2:ih/2,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], { encoding: "buffer" });
    return [...stdout];
  } catch {
    return [];
  }
}

/** How each plays an address, and says what colour it shows. */
const players = {
  VLC: { available: exists("cvlc"), play: playVLC },
  GStreamer: { available: hasElement("hlsdemux2") && hasElement("avdec_h264", "openh264dec"), play: playGStreamer },
  mpv: { available: exists("mpv"), play: playMPV },
  ffmpeg: { available: exists("ffmpeg"), play: playFFmpeg },
};

function playVLC(url) {
  const dir = makeFolder();
  const nobody = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {}; // it refuses root
  const scene = ["--video-filter", "scene", "--scene-path", dir, "--scene-format", "png", "--scene-prefix", "picture", "--scene-replace", "--scene-ratio", "12"];
  start("cvlc", ["--intf", "dummy", "--no-audio", "--vout", "vdummy", ...scene, url], { ...nobody, env: { ...process.env, HOME: dir }, stdio: "ignore" });
  return () => readColour(join(dir, "picture.png"));
}

function playGStreamer(url) {
  const tool = run({ command: "/usr/bin/python3" }, new URL("python/player.py", import.meta.url).pathname, url);
  return () => JSON.parse(tool.lines.findLast((l) => l.startsWith("{")) ?? "{}").colour ?? tool.lines.slice(-3);
}

function playMPV(url) {
  const dir = makeFolder();
  start("mpv", ["--no-config", "--no-audio", "--vo=image", "--vo-image-format=png", `--vo-image-outdir=${dir}`, "--vf=fps=2,scale=16:16", url], { stdio: "ignore" });
  // The last but one: the last may not be whole.
  return () => readColour(join(dir, readdirSync(dir).sort().at(-2) ?? "none"));
}

function playFFmpeg(url) {
  let colour = [];
  const child = start("ffmpeg", ["-v", "error", "-nostdin", "-re", "-i", url, "-an", "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], { stdio: ["ignore", "pipe", "ignore"] });
  child.stdout.on("data", (d) => (colour = [...d.subarray(-3)]));
  return () => colour;
}

/** A way to a port that can hold back all that is sent, as a network that loses every packet. */
async function openWay(port) {
  const streams = new Set();
  let holds = false;
  const way = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      streams.add(one);
      one.pipe(other);
      if (holds) one.pause();
      one.on("error", () => {});
      one.on("close", () => {
        streams.delete(one);
        other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(way, "listening");
  return {
    port: way.address().port,
    async outage(duration) {
      holds = true;
      for (const s of streams) s.pause();
      await pause(duration);
      holds = false;
      for (const s of streams) s.resume();
    },
    close() {
      way.close();
      for (const s of streams) s.destroy();
    },
  };
}

const near = (colour) => (shown) => shown.length === 3 && colour.every((c, i) => Math.abs(c - shown[i]) < 60);

const limit = 150; // s

test("players of the desktop continue after whatever happens to a channel", async (t) => {
  const channel = await server.createChannel("native");
  let encoder = broadcastClips(channel.address, makeClip("red"));
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);
  const playback = new URL(channel.playbackUrl);
  const way = await openWay(playback.port);
  t.after(() => way.close());
  playback.port = way.port;

  const looks = Object.entries(players).filter(([name, p]) => p.available || t.diagnostic(`${name} is not installed`)).map(([name, p]) => [name, p.play(playback.href)]);
  async function eachShows(what, colour) {
    const began = performance.now();
    const results = await Promise.allSettled(
      looks.map(async ([name, look]) => {
        await eventually(`${name} shows ${what}`, look, near(colour), limit);
        console.log(`# ${name} shows ${what} after ${((performance.now() - began) / 1000).toFixed(1)} s`);
      }),
    );
    assert.deepEqual(results.filter((r) => r.reason).map((r) => r.reason.message), []);
  }
  await eachShows("the first picture", [255, 0, 0]);

  await encoder.kill();
  encoder = broadcastClips(channel.address, makeClip("blue", "320x180"));
  await eachShows("what came after a restart of the encoder with another resolution", [0, 0, 255]);

  encoder.play(makeClip("lime", "320x180"), 8000);
  await eachShows("what came after 8 s without media", [0, 255, 0]);

  encoder.play(makeClip("yellow"));
  await eachShows("another resolution", [255, 255, 0]);

  encoder.play(makeClip("red"));
  await eachShows("the next clip", [255, 0, 0]);
  await way.outage(20_000);
  encoder.play(makeClip("blue"));
  await eachShows("what came after 20 s without a network", [0, 0, 255]);
});
