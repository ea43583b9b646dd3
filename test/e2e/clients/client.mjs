// What the clients of this folder share: WHIP's three requests, RTP made and read by
// ffmpeg for the stacks that carry packets only, and one JSON object a line for the test.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [, , direction, token, publisher] = process.argv;
const { whip_url: whip } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** How the script was called: `publish TOKEN` or `subscribe TOKEN PARTICIPANT`. */
export const publishes = direction === "publish";
export const codec = process.env.CODEC ?? "H264";

export const say = (message) => console.log(JSON.stringify(message));

/** Sends the offer and returns the answer; the resource is deleted when the test closes standard input. */
export async function exchange(offer, close) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" };
  const url = publishes ? whip : `${whip}/subscribe/${publisher}`;
  const response = await fetch(url, { method: "POST", headers, body: offer });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  const resource = new URL(response.headers.get("Location"), url);
  process.stdin.resume().once("end", async () => {
    const { status } = await fetch(resource, { method: "DELETE", headers });
    say({ deleted: status });
    await close();
    process.exit();
  });
  return answer;
}

async function socket() {
  const s = createSocket({ type: "udp4", recvBufferSize: 1 << 20 }).bind(0, "127.0.0.1");
  await once(s, "listening");
  return s;
}

function ffmpeg(...args) {
  const child = spawn("ffmpeg", ["-v", "error", "-nostdin", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

/** A blue picture (640x360, 30 a second) and a tone of 440 Hz as RTP packets. */
export async function source(onVideo, onAudio) {
  const sockets = [await socket(), await socket()];
  sockets[0].on("message", onVideo);
  sockets[1].on("message", onAudio);
  const to = (s, type) => ["-payload_type", `${type}`, "-f", "rtp", `rtp://127.0.0.1:${s.address().port}?pkt_size=1200`];
  const encoder = {
    H264: ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency", "-bsf:v", "dump_extra"],
    VP8: ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"],
  }[codec];
  ffmpeg(
    "-re", "-f", "lavfi", "-i", "color=blue:size=640x360:rate=30", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
    "-map", "0:v", "-pix_fmt", "yuv420p", ...encoder, "-b:v", "800k", "-g", "30", ...to(sockets[0], 102),
    "-map", "1:a", "-c:a", "libopus", "-ac", "2", "-application", "lowdelay", ...to(sockets[1], 111),
  );
}

/** Decodes RTP packets, and says the colour of the pictures and the level of the sound. */
export async function sink(kind, payloadType) {
  const probe = await socket();
  const { port } = probe.address();
  probe.close();
  const format = kind === "video" ? `${codec}/90000` : "opus/48000/2";
  const fmtp = kind === "video" && codec === "H264" ? `a=fmtp:${payloadType} packetization-mode=1\n` : "";
  const description = join(tmpdir(), `rostrum-client-${process.pid}-${kind}.sdp`);
  writeFileSync(description, `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=${kind} ${port} RTP/AVP ${payloadType}\na=rtpmap:${payloadType} ${format}\n${fmtp}`);
  process.once("exit", () => rmSync(description, { force: true }));
  const output = kind === "video" ? ["-vf", "scale=16:9", "-f", "rawvideo", "-pix_fmt", "rgb24"] : ["-f", "s16le", "-ac", "1"];
  const decoder = ffmpeg("-protocol_whitelist", "file,udp,rtp", "-probesize", "32", "-analyzeduration", "0", "-flags", "low_delay", "-i", description, ...output, "pipe:1");
  const size = kind === "video" ? 16 * 9 * 3 : 9600;
  let rest = Buffer.alloc(0);
  let count = 0;
  decoder.stdout.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    for (; rest.length >= size; rest = rest.subarray(size)) {
      count++;
      if (kind === "video") say({ event: "picture", count, colour: [...rest.subarray(6 * 16 * 3 + 45, 6 * 16 * 3 + 48)] });
      else say({ event: "sound", count, rms: Math.round(level(rest.subarray(0, size))) });
    }
  });
  const out = createSocket("udp4");
  return (packet) => out.send(packet, port, "127.0.0.1");
}

function level(pcm) {
  const samples = new Int16Array(Uint8Array.from(pcm).buffer);
  return Math.sqrt(samples.reduce((sum, v) => sum + v * v, 0) / samples.length);
}
