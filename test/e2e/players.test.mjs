// A live channel in hls.js, Shaka Player and video.js at once: they play it, and continue
// without a reload of the page after all that happens to encoders and viewers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { broadcastClips, makeClip } from "./clips.mjs";
import { browse, eventually, freePort, serve } from "./harness.mjs";
import { beginHls, beginShaka, beginVideoJs, open } from "./hls-players.mjs";

let server, web;
const players = {};

before(async () => {
  server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  web = await browse();
});
after(async () => {
  await web?.stop();
  await server?.stop();
});

async function mediaPlaylist(url) {
  const list = await fetch(url).then((r) => r.text());
  return fetch(new URL(list.trim().split("\n").at(-1), url)).then((r) => r.text());
}

const look = (page) =>
  page.evaluate(() => ({ ...participant.read(window.video), frames: window.video.getVideoPlaybackQuality().totalVideoFrames, faults: window.faults.slice(-4) }));

const isRed = ([r, g, b]) => r > 150 && g < 100 && b < 100;
const isLime = ([r, g, b]) => r < 100 && g > 150 && b < 100;
const isBlue = ([r, g, b]) => r < 100 && g < 100 && b > 150;
const isYellow = ([r, g, b]) => r > 150 && g > 150 && b < 100;

/** Shaka Player 5.2 plays 40 s after it was offline for 20 s. */
const limit = 100; // s

/** Waits until each player shows a picture and goes on for some more. */
async function eachShows(what, shows, width = 640) {
  const began = performance.now();
  const results = await Promise.allSettled(
    Object.entries(players).map(async ([name, page]) => {
      const first = await eventually(`${name} shows ${what}`, () => look(page), (s) => s.width === width && shows(s.colour), limit);
      await eventually(`${name} goes on with ${what}`, () => look(page), (s) => s.width === width && shows(s.colour) && s.frames > first.frames + 25, limit);
      console.log(`# ${name} plays ${what} after ${((performance.now() - began) / 1000).toFixed(1)} s; errors: ${JSON.stringify(first.faults).slice(0, 500)}`);
    }),
  );
  assert.deepEqual(results.filter((r) => r.reason).map((r) => r.reason.message), []);
}

test("players continue after whatever happens to a channel", async (t) => {
  const channel = await server.createChannel("players");
  const red = makeClip("red");
  let encoder = broadcastClips(channel.address, red);
  t.after(() => encoder.kill());
  await server.channelIsLive(channel);
  // Shaka Player looks for captions in the last of few segments: the one without an address.
  await eventually("three segments", () => mediaPlaylist(channel.playbackUrl), (list) => list.match(/^#EXTINF/gm)?.length >= 3);
  for (const [name, begin] of Object.entries({ "hls.js": beginHls, "Shaka Player": beginShaka, "video.js": beginVideoJs })) {
    players[name] = await open(web, begin, channel.playbackUrl);
  }
  await eachShows("the first picture", isRed);

  await encoder.kill();
  encoder = broadcastClips(channel.address, makeClip("blue"));
  await eachShows("what came after a restart of the encoder", isBlue);

  encoder.play(red, 8000);
  await eachShows("what came after 8 s without media", isRed);

  encoder.play(makeClip("yellow", "320x180"));
  await eachShows("another resolution", isYellow, 320);

  const setOffline = (offline) => Promise.all(Object.values(players).map((p) => p.context().setOffline(offline)));
  await setOffline(true);
  await pause(20_000);
  encoder.play(makeClip("lime"));
  await setOffline(false);
  await eachShows("what came after 20 s without a network", isLime);
});
