// Starts the real server and real browsers, and takes them down again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import * as ivs from "@aws-sdk/client-ivs-realtime";
import { chromium } from "playwright-core";

import { participant } from "./page.mjs";

const binary = process.env.ROSTRUM ?? new URL("../../bin/rostrum", import.meta.url).pathname;
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

async function freePort() {
  const s = createServer().listen(0, "127.0.0.1");
  await once(s, "listening");
  const { port } = s.address();
  s.close();
  await once(s, "close");
  return port;
}

/** A running server with an SDK client for it. */
export async function serve(...flags) {
  const port = await freePort();
  const media = await freePort();
  const dir = mkdtempSync(join(tmpdir(), "rostrum-e2e-"));
  const child = spawn(
    binary,
    ["serve", "--listen", `127.0.0.1:${port}`, "--media-port", `${media}`, "--data-dir", dir, "--access-key", "E2EACCESSKEY", "--secret-key", "e2e-secret-of-the-suite", "--region", "eu-west-1", ...flags],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const log = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (l) => log.push(l));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    if (child.exitCode !== null || i > 200) throw new Error(`the server did not start:\n${log.join("\n")}`);
    const ready = await fetch(`${url}/readyz`).then((r) => r.ok, () => false);
    if (ready) break;
    await pause(25);
  }
  const client = new ivs.IVSRealTimeClient({
    endpoint: url,
    region: "eu-west-1",
    credentials: { accessKeyId: "E2EACCESSKEY", secretAccessKey: "e2e-secret-of-the-suite" },
  });
  const call = (name, input = {}) => client.send(new ivs[`${name}Command`](input));
  return {
    url,
    media,
    dir,
    log,
    call,
    child,
    token: async (stageArn, userId, capabilities) =>
      (await call("CreateParticipantToken", { stageArn, userId, capabilities, attributes: { name: userId } })).participantToken.token,
    async stop() {
      client.destroy();
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Runs a verb of the binary; out() waits for a line of its output that satisfies a test. */
export function run(...args) {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  const waiting = new Set();
  const take = (l) => {
    lines.push(l);
    for (const w of waiting) w(l);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", take);
  const exited = once(child, "exit");
  return {
    lines,
    exited,
    async stop() {
      if (child.exitCode === null) child.kill("SIGINT");
      return (await exited)[0];
    },
  };
}

/** Chromium with a page of another origin than the server's, as an application would be. */
export async function browse() {
  const site = createServer((_, w) => w.setHeader("Content-Type", "text/html").end("<!doctype html><title>e2e</title><body>")).listen(0, "127.0.0.1");
  await once(site, "listening");
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
      "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    ],
  });
  return {
    browser,
    async page() {
      const page = await browser.newPage();
      await page.addInitScript(participant);
      await page.goto(`http://127.0.0.1:${site.address().port}/`);
      return page;
    },
    async stop() {
      await browser.close();
      site.close();
    },
  };
}

/** Asks until the answer satisfies, and fails with the last answer. */
export async function eventually(what, ask, satisfied, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  let last;
  do {
    last = await ask();
    if (satisfied(last)) return last;
    await pause(100);
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${seconds} s; last seen ${JSON.stringify(last)?.slice(0, 2000)}`);
}
