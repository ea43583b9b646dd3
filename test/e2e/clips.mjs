// A broadcaster that costs no encoding: it repeats short clips, made beforehand, until told
// to go on with another, and can leave media out. A clip has one colour, by which a viewer's
// picture tells what is on the air.
import { execFileSync } from "node:child_process";
import { once } from "node:events";

import { launch } from "./harness.mjs";

/** 80 pictures and 150 frames of audio: their ends meet, so that clips follow without a gap. */
const LENGTH = 3200; // ms
const KEYFRAMES = 20; // pictures

const AUDIO = 8; // types of FLV tags
const VIDEO = 9;

/** A clip as FLV tags: the configurations of its codecs, and media. */
export function makeClip(colour, size = "640x360") {
  const flv = execFileSync("ffmpeg", [
    "-v", "error", "-f", "lavfi", "-i", `color=${colour}:size=${size}:rate=25`, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
    "-t", `${LENGTH / 1000}`, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p", "-g", `${KEYFRAMES}`, "-c:a", "aac", "-ac", "2", "-f", "flv", "-",
  ]);
  const clip = { configurations: [], media: [] };
  for (let at = 13; at < flv.length; ) {
    const [type, size] = [flv[at], flv.readUIntBE(at + 1, 3)];
    const [time, body] = [flv.readUIntBE(at + 4, 3), flv.subarray(at + 11, at + 11 + size)];
    if ([AUDIO, VIDEO].includes(type) && time < LENGTH) (body[1] === 0 ? clip.configurations : clip.media).push({ type, time, body });
    at += 11 + size + 4;
  }
  return clip;
}

function tag({ type, body }, time) {
  const framed = Buffer.alloc(11 + body.length + 4);
  framed[0] = type;
  framed.writeUIntBE(body.length, 1, 3);
  framed.writeUIntBE(time & 0xffffff, 4, 3);
  framed[7] = time >>> 24;
  body.copy(framed, 11);
  framed.writeUInt32BE(11 + body.length, 11 + body.length);
  return framed;
}

/** Sends a clip to an address, again and again. */
export function broadcastClips(address, clip) {
  const child = launch("ffmpeg", ["-v", "error", "-nostdin", "-f", "flv", "-i", "pipe:0", "-c", "copy", "-flush_packets", "1", "-f", "flv", address], { stdio: ["pipe", "ignore", "pipe"] });
  const complaints = [];
  child.stderr.on("data", (d) => complaints.push(`${d}`));
  child.stdin.on("error", () => {}); // it ended: exited tells
  const header = [..."FLV"].map((c) => c.charCodeAt(0));
  child.stdin.write(Buffer.from([...header, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0]));

  const due = []; // tags with their times
  let next = clip;
  let current = null;
  let begins = 0; // when the next clip does, ms
  let missing = 0; // ms before it
  const began = performance.now();
  const timer = setInterval(() => {
    const now = performance.now() - began;
    for (;;) {
      while (due.length && due[0].time <= now) child.stdin.write(tag(due[0], due.shift().time));
      if (due.length) return;
      begins += missing;
      missing = 0;
      const all = next === current ? next.media : [...next.configurations, ...next.media];
      due.push(...all.map((t) => ({ ...t, time: begins + t.time })));
      current = next;
      begins += LENGTH;
    }
  }, 20);
  const exited = once(child, "exit").finally(() => clearInterval(timer));
  return {
    complaints,
    exited,
    /** Goes on with another clip, after some milliseconds for which media are missing. */
    play(clip, hole = 0) {
      [next, missing] = [clip, hole];
    },
    /** Ends it as a machine does whose power fails. */
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
