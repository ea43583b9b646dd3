// GStreamer's player (playbin3, hlsdemux2) on a channel that has just begun.
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { broadcastClips, makeClip } from "./clips.mjs";
import { eventually, freePort, run, serve } from "./harness.mjs";

const has = (element) => spawnSync("gst-inspect-1.0", [element]).status === 0;
const skip = has("hlsdemux2") && ["avdec_h264", "openh264dec"].some(has) ? false : "GStreamer has no hlsdemux2, or no decoder of H.264";
const player = new URL("python/player.py", import.meta.url).pathname;

let server;
if (!skip) {
  before(async () => {
    server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  });
  after(async () => {
    await server?.stop();
  });
}

test("GStreamer plays a channel from its first seconds on, and after a restart of the encoder", { skip }, async (t) => {
  const channel = await server.createChannel("gstreamer");
  let encoder = broadcastClips(channel.address, makeClip("red"));
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);

  const players = await Promise.all(
    [0, 1, 3, 8].map(async (seconds) => {
      await pause(seconds * 1000);
      const tool = run({ command: "/usr/bin/python3" }, player, channel.playbackUrl);
      t.after(() => tool.child.kill("SIGKILL"));
      const look = () => JSON.parse(tool.lines.findLast((l) => l.startsWith("{")) ?? "{}");
      const shown = await eventually(`pictures ${seconds} s after the begin`, look, (s) => s.pictures > 75 && s.width === 640);
      console.log(`# a player that starts after ${seconds} s shows the first picture after ${shown.first} s`);
      return look;
    }),
  );

  await encoder.kill();
  encoder = broadcastClips(channel.address, makeClip("blue", "320x180"));
  await Promise.all(players.map((look) => eventually("pictures of the second encoder", look, (s) => s.width === 320)));
});
