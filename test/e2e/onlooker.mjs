// A browser on the page of a stage, for test/netem, which starts one in each
// network namespace. It obeys lines of JSON, answers each with one, and in
// between tells a few times a second what its user gets to see and hear.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { chromium } from "playwright-core";

const lookEvery = 200;

/** Runs in the page before its own script: notes each connection, and when pictures appear. */
function spy() {
  const connections = [];
  const Plain = RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...args) {
      super(...args);
      connections.push(this);
    }
  };
  const canvas = new OffscreenCanvas(64, 36).getContext("2d", { willReadFrequently: true });
  const watched = new WeakMap();

  /** Counts the pictures of a video that have been put on the screen, and the longest wait for one. */
  function watch(video) {
    const seen = { shown: 0, last: performance.now(), longest: 0 };
    watched.set(video, seen);
    const next = (now) => {
      seen.longest = Math.max(seen.longest, now - seen.last);
      seen.last = now;
      seen.shown++;
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    return seen;
  }

  /** What is in the picture: a number that is another one when the picture is, and the share that Chromium's false camera didn't film. */
  function picture(video) {
    if (!video.videoWidth) return { pixels: 0, damaged: 0 };
    canvas.drawImage(video, 0, 0, 64, 36);
    const { data } = canvas.getImageData(0, 0, 64, 36);
    return { pixels: data.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 7), damaged: damaged(data) };
  }

  /** Its background is of one colour but for the disc in the middle, the time above it, and the corners: the share of the rest that isn't so. */
  function damaged(data) {
    const at = (x, y) => 4 * (64 * y + x);
    const ground = [0, 1, 2].map((c) => data[at(6, 18) + c]);
    let looked = 0;
    let other = 0;
    for (let y = 5; y < 31; y++)
      for (let x = 2; x < 62; x++) {
        if (Math.hypot(x - 32, y - 18) < 12) continue;
        looked++;
        if ([0, 1, 2].some((c) => Math.abs(data[at(x, y) + c] - ground[c]) > 24)) other++;
      }
    return other / looked;
  }

  function seen() {
    const video = document.querySelector("figure:not(.own) video");
    if (!video) return { text: "" };
    const notes = watched.get(video) ?? watch(video);
    const { shown } = notes;
    const longest = Math.max(notes.longest, performance.now() - notes.last);
    notes.longest = 0;
    return { shown, waited: Math.round(longest), ...picture(video), text: video.closest("figure").innerText };
  }

  async function measured(connection) {
    const all = [...(await connection.getStats()).values()];
    const one = (type, kind) => all.find((s) => s.type === type && (!kind || s.kind === kind)) ?? {};
    const transport = one("transport");
    const pair = all.find((s) => s.id === transport.selectedCandidatePairId) ?? {};
    const way = {
      connection: connection.connectionState,
      protocol: all.find((s) => s.id === pair.localCandidateId)?.protocol ?? "",
      roundTrip: pair.currentRoundTripTime ?? 0,
    };
    const video = one("inbound-rtp", "video");
    const audio = one("inbound-rtp", "audio");
    if (video.id || audio.id)
      return {
        incoming: {
          ...way,
          frames: video.framesDecoded ?? 0, width: video.frameWidth ?? 0,
          freezes: video.freezeCount ?? 0, frozen: video.totalFreezesDuration ?? 0,
          packets: video.packetsReceived ?? 0, lost: video.packetsLost ?? 0, nacks: video.nackCount ?? 0,
          samples: audio.totalSamplesReceived ?? 0,
          concealed: (audio.concealedSamples ?? 0) - (audio.silentConcealedSamples ?? 0),
          soundPackets: audio.packetsReceived ?? 0, soundLost: audio.packetsLost ?? 0,
          soundNacks: audio.nackCount ?? 0, repaired: audio.fecPacketsReceived ?? 0,
        },
      };
    const sent = all.filter((s) => s.type === "outbound-rtp" && s.kind === "video");
    return {
      outgoing: {
        ...way,
        available: pair.availableOutgoingBitrate ?? 0,
        soundAgain: one("outbound-rtp", "audio").retransmittedPacketsSent ?? 0,
        layers: sent.map((s) => ({ rid: s.rid ?? "", width: s.frameWidth ?? 0, frames: s.framesEncoded ?? 0, target: s.targetBitrate ?? 0, active: s.active, limit: s.qualityLimitationReason ?? "" })),
      },
    };
  }

  window.look = async () => {
    const live = connections.filter((c) => c.connectionState !== "closed");
    const parts = await Promise.all(live.map((c) => measured(c).catch(() => ({}))));
    const state = document.getElementById("state")?.innerText ?? "";
    return Object.assign({ at: Date.now(), state, ...seen() }, ...parts);
  };
}

const [origin] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    `--unsafely-treat-insecure-origin-as-secure=${origin}`, // a camera needs a secure context
  ],
});

let page;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const orders = {
  /** Joins the call with its own camera. */
  async join(address) {
    page = await browser.newPage({ viewport: { width: 960, height: 640 } });
    page.on("pageerror", (e) => say({ fault: String(e) }));
    await page.addInitScript(spy);
    await page.goto(address);
    await page.click("#join");
  },
  screenshot: (path) => page.screenshot({ path }),
  async leave() {
    const leaving = page;
    page = undefined;
    await leaving.goto("about:blank"); // so that it can say goodbye
    await leaving.close();
  },
};

let looking = true;
async function keepLooking() {
  while (looking) {
    const sight = await page?.evaluate(() => window.look()).catch(() => undefined); // it may be leaving
    if (sight) say({ sight });
    await pause(lookEvery);
  }
}
keepLooking();

say({ done: "open" });
for await (const line of createInterface({ input: process.stdin })) {
  const { order, argument } = JSON.parse(line);
  try {
    await orders[order](argument);
    say({ done: order });
  } catch (error) {
    say({ fault: `${order}: ${error.message}` });
  }
}
looking = false;
await browser.close();
