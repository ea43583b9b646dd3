// Starts the real server and real browsers, and takes them down again.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import * as channels from "@aws-sdk/client-ivs";
import * as ivs from "@aws-sdk/client-ivs-realtime";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

import { participant } from "./page.mjs";

export const binary = process.env.ROSTRUM ?? new URL("../../bin/rostrum", import.meta.url).pathname;
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How long a browser may take to start: the first time its files come from the disk. */
const launchTimeout = 120_000; // ms

/**
 * A port that is free by TCP and UDP. It is none of those that the system gives to who
 * asks for any: a browser would take it for its media before the server has it (again).
 */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const sockets = [createServer().listen(port), createSocket("udp4").bind(port)];
    const all = await Promise.allSettled(sockets.map((s) => once(s, "listening")));
    await Promise.allSettled(sockets.map((s) => new Promise((resolve) => s.close(resolve))));
    if (all.every((a) => a.status === "fulfilled")) return port;
  }
}

/** The server and the browser that serverAndBrowser has brought up. */
export let server, web;

/** Brings up a server and a browser for all tests of a file, and takes them down again. */
export function serverAndBrowser({ start = serve, open = browse, skip = false } = {}) {
  before(async () => {
    if (skip) return;
    server = await start();
    web = await open();
  });
  after(async () => {
    await web?.stop();
    await server?.stop();
  });
}

/**
 * A server whose media is on all the machine's addresses: a browser that may not
 * use loopback candidates (Firefox never pairs them with others) can reach it.
 */
export const serveWide = (...flags) => serve("--listen", "0.0.0.0:0", "--insecure", ...flags);

/** A running server with an SDK client for it. */
export async function serve(...flags) {
  const port = await freePort();
  const media = await freePort();
  flags = flags.map((f) => (f === "0.0.0.0:0" ? `0.0.0.0:${port}` : f));
  const dir = mkdtempSync(join(tmpdir(), "rostrum-e2e-"));
  const url = `${flags.includes("--tls-cert") ? "https" : "http"}://127.0.0.1:${port}`;
  const log = [];
  let child;
  const start = async () => {
    child = launch(
      binary,
      ["serve", "--listen", `127.0.0.1:${port}`, "--media-port", `${media}`, "--data-dir", dir, "--access-key", "E2EACCESSKEY", "--secret-key", "e2e-secret-of-the-suite", "--region", "eu-west-1", ...flags],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (l) => log.push(l));
    for (const end = Date.now() + 30_000; ; ) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`the server did not start:\n${log.join("\n")}`);
      const ready = await fetch(`${url}/readyz`).then((r) => r.ok, () => false);
      if (ready) break;
      await pause(25);
    }
  };
  const end = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  };
  await start();
  const configuration = {
    endpoint: url,
    region: "eu-west-1",
    credentials: { accessKeyId: "E2EACCESSKEY", secretAccessKey: "e2e-secret-of-the-suite" },
  };
  const [client, channelClient] = [new ivs.IVSRealTimeClient(configuration), new channels.IvsClient(configuration)];
  const call = (name, input = {}) => client.send(new ivs[`${name}Command`](input));
  const callChannels = (name, input = {}) => channelClient.send(new channels[`${name}Command`](input));
  return {
    url,
    media,
    dir,
    log,
    call,
    callChannels,
    /** Makes a channel, and tells where an encoder sends to; the server has --rtmp-listen. */
    async createChannel(name) {
      const { channel, streamKey } = await callChannels("CreateChannel", { name });
      return { ...channel, address: `rtmp://${channel.ingestEndpoint}/app/${streamKey.value}` };
    },
    /** Waits until viewers can watch a channel. */
    channelIsLive: ({ arn }) =>
      eventually("the channel is live", () => callChannels("GetStream", { channelArn: arn }).then((a) => a.stream.state, () => null), (s) => s === "LIVE"),
    token: async (stageArn, userId, capabilities) =>
      (await call("CreateParticipantToken", { stageArn, userId, capabilities, attributes: { name: userId } })).participantToken.token,
    /** Ends it without a chance to say goodbye. */
    kill: () => end("SIGKILL"),
    /** Ends it as an operator would. */
    end: () => end("SIGTERM"),
    /** Starts it again on what it left. */
    start,
    async stop() {
      client.destroy();
      channelClient.destroy();
      await end("SIGTERM");
      verifyRecordings(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The input of CreateStage that has participants recorded. */
export async function recordingConfiguration(call) {
  const { storageConfiguration } = await call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  return { storageConfigurationArn: storageConfiguration.arn, hlsConfiguration: { targetSegmentDurationSeconds: 2 } };
}

/** Waits until a participant's recording has video in its bucket. */
export async function awaitRecordedVideo(participant) {
  await eventually("video is recorded", async () => {
    const { recordingS3Prefix: prefix } = await participant();
    const playlist = prefix && join(server.dir, "buckets/recordings", prefix, "media/hls/multivariant.m3u8");
    return playlist && existsSync(playlist) ? readFileSync(playlist, "utf8") : "";
  }, (text) => text.includes("RESOLUTION="));
}

/** The codecs of a participant's recording, once it has ended. */
export async function recordedCodecs(participant) {
  const { recordingS3Prefix } = await eventually("the recording has ended", participant, (p) => p.recordingState === "STOPPED");
  const playlist = join(server.dir, "buckets/recordings", recordingS3Prefix, "media/hls/high/playlist.m3u8");
  const { streams } = JSON.parse(execFileSync("ffprobe", ["-v", "error", "-of", "json", "-show_streams", playlist]));
  return streams.map((s) => s.codec_name);
}

/** Checks all that a server has recorded, of whichever test. */
function verifyRecordings(dir) {
  const buckets = join(dir, "buckets");
  if (!existsSync(buckets)) return;
  const places = readdirSync(buckets).map((name) => join(buckets, name)).filter((bucket) => readdirSync(bucket).length > 0);
  if (places.length === 0) return;
  const { status, stdout, stderr } = spawnSync(binary, ["recordings", "verify", ...places], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`recordings verify: ${stderr}${stdout.replaceAll(/^.*: ok\n.*\n/gm, "")}`);
}

/** Makes cameras give small pictures, which cost a busy machine little; for addInitScript. */
export function smallCamera() {
  const { getUserMedia } = MediaDevices.prototype;
  MediaDevices.prototype.getUserMedia = function (wish) {
    return getUserMedia.call(this, wish.video ? { ...wish, video: { deviceId: wish.video.deviceId, width: 320, height: 180 } } : wish);
  };
}

/** Joins the call from the lobby of the stage page, which a link has opened. */
export async function joinCall(page) {
  await page.click("#join");
  await page.waitForSelector("#call:not([hidden])");
}

/** What a token says of itself. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

const processes = new Set();
process.once("SIGTERM", () => process.exit(1)); // how the runner ends a file whose time is over
process.on("exit", () => processes.forEach((p) => p.kill("SIGKILL")));

/** Starts a program that does not outlive this one. */
export function launch(...args) {
  const child = spawn(...args);
  processes.add(child);
  child.once("exit", () => processes.delete(child));
  return child;
}

const tools = new Set();

// What a test that fails has left running would slow the next ones down, and keep this process.
afterEach(() => Promise.all([...tools].map((t) => t.stop())));

/** Runs a verb of the binary, or another command, and collects the lines it prints; it ends with the test. */
export function run(...args) {
  const { command } = typeof args[0] === "object" ? args.shift() : { command: binary };
  const child = launch(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (l) => lines.push(l));
  const exited = once(child, "exit");
  const tool = {
    lines,
    exited,
    child,
    /** Asks it to end as a person would, and returns its exit code. */
    async stop() {
      child.stdin.end();
      if (child.exitCode === null) child.kill("SIGINT");
      const lost = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const [code] = await exited;
      clearTimeout(lost);
      return code;
    },
  };
  tools.add(tool);
  exited.then(() => tools.delete(tool));
  return tool;
}

/** A page of another origin than the server's, as an application would be. */
async function openSite() {
  const site = createServer((_, w) => w.setHeader("Content-Type", "text/html").end("<!doctype html><title>e2e</title><body>")).listen(0, "127.0.0.1");
  await once(site, "listening");
  return { url: `http://127.0.0.1:${site.address().port}/`, close: () => site.close() };
}

/** Chromium, by Playwright. */
export async function browse(...flags) {
  const site = await openSite();
  const host = await chromium.launchServer({
    executablePath: browserPath,
    timeout: launchTimeout,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
      "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30",
      "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", ...flags,
    ],
  });
  const browser = await chromium.connect(host.wsEndpoint());
  return {
    /** A page, with the window, colours and so on that Playwright calls its context's options. */
    async page(options) {
      const page = await browser.newPage(options);
      await page.addInitScript(participant);
      await page.goto(site.url);
      return page;
    },
    /** Ends it as a machine does whose power fails. */
    kill: () => host.process().kill("SIGKILL"),
    async stop() {
      await host.close().catch(() => {}); // it may have been killed
      site.close();
    },
  };
}

/**
 * Chromium by Puppeteer, with its tabs in one window and timers as users have them: a page behind
 * another one is hidden, which Playwright prevents.
 */
export const browseTabs = () =>
  puppeteer.launch({
    executablePath: browserPath,
    timeout: launchTimeout,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=5"],
  });

const firefoxPath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** Why tests with Firefox are skipped; false if they are not. */
export const noFirefox = existsSync(firefoxPath) ? false : "firefox-esr is not installed";

/** Firefox as Debian has it, by WebDriver BiDi. */
export async function browseFirefox() {
  const site = await openSite();
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: firefoxPath,
    headless: true,
    timeout: launchTimeout,
    extraPrefsFirefox: {
      "media.peerconnection.ice.obfuscate_host_addresses": false, // nobody answers mDNS here
      "media.autoplay.default": 0,
      "media.navigator.streams.fake": true, // no camera and no microphone here
      "media.navigator.permission.disabled": true,
      "dom.min_background_timeout_value": 4, // a tab that isn't in front must draw as fast, too
      "dom.timeout.enable_budget_timer_throttling": false,
    },
  });
  return {
    async page() {
      const page = await browser.newPage();
      await page.goto(site.url);
      await page.evaluate(participant);
      return page;
    },
    async stop() {
      await browser.close();
      site.close();
    },
  };
}

/**
 * Asks until the answer satisfies, and fails with the last answer. A browser whose
 * first probe of the path fails, as on a busy machine, takes half a minute to send all.
 */
export async function eventually(what, ask, satisfied, seconds = 40) {
  const end = Date.now() + seconds * 1000;
  let last;
  do {
    last = await ask();
    if (satisfied(last)) return last;
    await pause(100);
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${seconds} s; last seen ${JSON.stringify(last)?.slice(0, 2000)}`);
}

/**
 * Tries again what a busy machine may spoil: a bound on time or on how evenly pictures
 * come is held where one of the tries holds it.
 */
export async function bestOf(tries, attempt) {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (e) {
      if (n === tries) throw e;
      console.log(`# try ${n} of ${tries}: ${e.message}`);
    }
  }
}
