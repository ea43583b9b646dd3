// VLC on a channel: it plays it, and continues after all that happens to an encoder.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { broadcastClips, makeClip } from "./clips.mjs";
import { eventually, freePort, launch, serve } from "./harness.mjs";

const skip = spawnSync("cvlc", ["--help"]).error ? "VLC is not installed" : false;

let server;
if (!skip) {
  before(async () => {
    server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  });
  after(async () => {
    await server?.stop();
  });
}

/** VLC without a display: it writes a picture that it shows to a file, twice a second. */
function play(t, url) {
  const dir = mkdtempSync(join(tmpdir(), "rostrum-vlc-"));
  chmodSync(dir, 0o777);
  const nobody = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {}; // it refuses root
  const vlc = launch(
    "cvlc",
    ["--intf", "dummy", "--no-audio", "--vout", "vdummy", "--video-filter", "scene", "--scene-path", dir, "--scene-format", "png", "--scene-prefix", "picture", "--scene-replace", "--scene-ratio", "12", url],
    { ...nobody, env: { ...process.env, HOME: dir }, stdio: "ignore" },
  );
  t.after(() => {
    vlc.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  });
  return function look() {
    try {
      // The mean of its middle: the filter pads pictures at their ends.
      const png = execFileSync("ffmpeg", ["-v", "error", "-i", join(dir, "picture.png"), "-vf", "crop=iw/2:ih/2,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], { stdio: ["ignore", "pipe", "ignore"] });
      return [...png];
    } catch {
      return []; // there is none yet, or it is being written
    }
  };
}

const near = (colour) => (shown) => shown.length === 3 && colour.every((c, i) => Math.abs(c - shown[i]) < 60);

test("VLC plays a channel, and continues after whatever happens to its encoder", { skip }, async (t) => {
  const channel = await server.createChannel("vlc");
  let encoder = broadcastClips(channel.address, makeClip("red"));
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);
  const look = play(t, channel.playbackUrl);
  const shows = (what, colour) => eventually(`VLC shows ${what}`, look, near(colour), 100);
  await shows("the first picture", [255, 0, 0]);

  await encoder.kill();
  encoder = broadcastClips(channel.address, makeClip("blue", "320x180"));
  await shows("what came after a restart of the encoder with another resolution", [0, 0, 255]);

  const late = play(t, channel.playbackUrl);
  await eventually("VLC that starts after the restart shows a picture", late, near([0, 0, 255]), 100);

  encoder.play(makeClip("lime"), 8000);
  await shows("what came after 8 s without media", [0, 255, 0]);

  encoder.play(makeClip("yellow", "320x180"));
  await shows("another resolution", [255, 255, 0]);
});
