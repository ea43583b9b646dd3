// A broadcaster: ffmpeg, set as OBS sets its encoder, fed with pictures whose clock
// strip tells when they were drawn (internal/testpattern).
import { spawn } from "node:child_process";
import { once } from "node:events";

const CELL = 16; // pixels; strips are 40 cells wide and half a cell high
const WIDTH = 640;
const HEIGHT = 360;
const FPS = 25;

function crc8(bytes) {
  let crc = 0xff;
  for (const b of bytes) {
    crc ^= b;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  }
  return crc;
}

/** A grey picture (I420) with the clock in the first strip, frame and identity in the second. */
function picture(frame, identity) {
  const image = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
  const strip = (row, value) => {
    const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
    bytes.push(crc8(bytes));
    const line = Buffer.alloc(40 * CELL);
    for (let i = 0; i < 40; i++) line.fill((bytes[i >> 3] >> (7 - (i % 8))) & 1 ? 235 : 16, i * CELL, (i + 1) * CELL);
    for (let y = (row * CELL) / 2; y < ((row + 1) * CELL) / 2; y++) line.copy(image, y * WIDTH);
  };
  strip(0, Date.now() >>> 0);
  strip(1, (((frame & 0xffff) << 16) | identity) >>> 0);
  for (let y = 200; y < 260; y++) image.fill(220, y * WIDTH + ((frame * 4) % 560), y * WIDTH + ((frame * 4) % 560) + 60);
  return image;
}

/** Sends to an address until stopped. */
export function broadcast(address, { identity = 1, video = ["-preset", "veryfast", "-bf", "2", "-profile:v", "high"], input = [], seconds = 2 } = {}) {
  const child = spawn(
    "ffmpeg",
    [
      "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${WIDTH}x${HEIGHT}`, "-r", `${FPS}`, "-i", "pipe:0",
      "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", ...input,
      "-c:v", "libx264", ...video, "-g", `${FPS * seconds}`, "-keyint_min", `${FPS * seconds}`, "-sc_threshold", "0", "-b:v", "1500k",
      "-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2", "-flags", "+global_header", "-f", "flv", address,
    ],
    { stdio: ["pipe", "ignore", "pipe"] },
  );
  const complaints = [];
  child.stderr.on("data", (d) => complaints.push(`${d}`));
  child.stdin.on("error", () => {}); // it ended: exited tells
  const began = performance.now();
  let frame = 0;
  const timer = setInterval(() => {
    while (frame < ((performance.now() - began) * FPS) / 1000) {
      if (!child.stdin.writableNeedDrain) child.stdin.write(picture(frame, identity));
      frame++;
    }
  }, 10);
  const exited = once(child, "exit").finally(() => clearInterval(timer));
  return {
    complaints,
    exited,
    /** Ends it as an encoder does whose user presses stop. */
    async stop() {
      clearInterval(timer);
      child.stdin.end();
      const lost = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(lost);
    },
    /** Ends it as a machine does whose power fails. */
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
