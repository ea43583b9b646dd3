// Calls on the page of a stage, without a hand that helps: the server is restarted under
// them, or the network lets nothing but HTTPS out.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // the servers' certificate is made below
process.removeAllListeners("warning"); // and Node need not say so

import { bestOf, browse, claims, eventually, joinCall, run, serve } from "./harness.mjs";

let folder, web;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "rostrum-reach-"));
  web = await browse("--ignore-certificate-errors");
});
after(async () => {
  await web?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Pictures shown of each participant but oneself, by name. */
const seen = (page) =>
  page.$$eval("figure:not(.own)", (all) =>
    Object.fromEntries(
      all.map((f) => {
        const video = f.querySelector("video");
        return [f.querySelector(".name").textContent, video.getVideoPlaybackQuality().totalVideoFrames - (video.dataset.before ?? 0)];
      }),
    ),
  );

/** Two who publish from their pages. */
async function call(server, name) {
  const { arn } = (await server.call("CreateStage", { name })).stage;
  const pages = {};
  for (const who of ["ann", "bob"]) {
    const page = (pages[who] = await web.page());
    await page.goto(`${server.url}/stage/#${await server.token(arn, who)}`);
    await joinCall(page);
  }
  return pages;
}

const other = { ann: "bob", bob: "ann" };

/** Waits until both see more of each other than some pictures, from now on. */
async function meet(pages, what, seconds) {
  const shown = async () => {
    const counts = {};
    for (const [who, page] of Object.entries(pages)) counts[who] = (await seen(page))[other[who]] ?? 0;
    return counts;
  };
  await eventually(what, shown, (n) => n.ann > 15 && n.bob > 15, seconds);
}

for (const [how, signal, limit] of [["is restarted", "end", 6], ["crashes and starts again", "kill", 12]]) {
  // A busy machine delays the browsers as much as the server.
  test(`a server that ${how} finds both back in their call`, (t) => bestOf(2, async () => {
    const server = await serve();
    t.after(() => server.stop());
    const pages = await call(server, `resume-${signal}`);
    await meet(pages, "both see each other");
    const ended = Date.now();
    await server[signal]();
    const down = Date.now();
    // Pictures shown until now don't count, be it on the same tile or on a new one.
    for (const page of Object.values(pages)) await page.$$eval("figure:not(.own) video", (all) => all.forEach((v) => (v.dataset.before = v.getVideoPlaybackQuality().totalVideoFrames)));
    await server.start();
    const up = Date.now();
    const fresh = {};
    for (const [who, page] of Object.entries(pages)) {
      fresh[who] = eventually(`${who} sees the other again`, () => seen(page), (n) => n[other[who]] > 5).then(() => Date.now() - up);
    }
    const took = Math.max(await fresh.ann, await fresh.bob);
    console.log(`# the server ${how}: ended in ${down - ended} ms, was away for ${up - down} ms, both see each other ${took} ms after it was ready`);
    if (process.env.SCREENSHOTS) await pages.ann.screenshot({ path: `${process.env.SCREENSHOTS}/resume-${signal}.png` });
    await Promise.all(Object.values(pages).map((p) => p.close()));
    // The pauses between attempts double: who was away for long may be waited for as long again.
    assert.ok(took < limit * 1000 + up - down, `after ${took} ms, want ${limit} s`);
  }));
}

const firewall = (...args) => execFileSync("iptables", ["-w", ...args], { stdio: "pipe" });
function mayBlock() {
  try {
    firewall("-S");
    return true;
  } catch {
    return false;
  }
}

/** Lets packets of the media port through no longer; nobody is told. */
function block(t, port, protocols) {
  const rules = protocols.flatMap((p) => ["--sport", "--dport"].map((side) => ["OUTPUT", "-p", p, side, `${port}`, "-j", "DROP"]));
  for (const rule of rules) firewall("-I", ...rule);
  const open = () => rules.splice(0).forEach((rule) => firewall("-D", ...rule));
  t.after(open);
  return open;
}

/** A certificate for this machine, signed by itself. Programs that the tests start trust it. */
function certificate() {
  const pair = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
    "-addext", "subjectAltName=IP:127.0.0.1", "-out", pair.cert, "-keyout", pair.key], { stdio: "pipe" });
  process.env.SSL_CERT_FILE = pair.cert;
  return pair;
}

const skip = mayBlock() ? false : "blocking ports needs iptables and root";

/**
 * The way that a page's pictures take: protocol to the server, and that of the relay if there
 * is one. Chromium is connected a moment before its statistics name a pair.
 */
const way = (page) =>
  eventually("the chosen way", () =>
    page.evaluate(async () => {
      const all = await window.shown.getStats();
      const { selectedCandidatePairId: id } = [...all.values()].find((s) => s.type === "transport") ?? {};
      const local = all.get(all.get(id)?.localCandidateId);
      return local && { type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol };
    }), (x) => x);

/** Whether the holder of a token publishes. */
async function published(server, stageArn, token) {
  const { activeSessionId: sessionId } = (await server.call("GetStage", { arn: stageArn })).stage;
  return (await server.call("GetParticipant", { stageArn, sessionId, participantId: claims(token).jti })).participant.published;
}

/** Remembers the latest connection that a page makes, and when it was begun and there. */
const spy = () => {
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      window.shown = this;
      const began = performance.now();
      this.addEventListener("connectionstatechange", () => (window.took ??= this.connectionState === "connected" ? performance.now() - began : undefined));
    }
  };
};

// What networks drop, and the ways that are left, among which browsers choose: without UDP, the
// media port's own TCP or a relay's.
const ways = [
  ["UDP", ["udp"], ["tcp", "tls"]],
  ["all but HTTPS", ["udp", "tcp"], ["tls"]],
];

for (const [says, protocols, left] of ways) {
  test(`where a network drops ${says}, a viewer is there within two seconds`, { skip }, async (t) => {
    const pair = certificate();
    const server = await serve("--tls-cert", pair.cert, "--tls-key", pair.key);
    t.after(() => server.stop());
    const { arn } = (await server.call("CreateStage", { name: "firewalled" })).stage;
    const publisher = await web.page();
    const token = await server.token(arn, "ann");
    await publisher.goto(`${server.url}/stage/#${token}`);
    await joinCall(publisher);
    await eventually("it is published", () => published(server, arn, token), (yes) => yes);
    const open = block(t, server.media, protocols);
    // Where the machine is busy, of which the browser takes the most by far, one of three is in time.
    const viewer = await bestOf(3, async () => {
      const viewer = await web.page();
      await viewer.addInitScript(spy);
      await viewer.goto(`${server.url}/stage/#${await server.token(arn, "bob", ["SUBSCRIBE"])}`);
      await joinCall(viewer);
      const took = await eventually("the viewer is connected", () => viewer.evaluate(() => window.took), (x) => x, 20);
      const by = await way(viewer);
      console.log(`# without ${says}: connected after ${Math.round(took)} ms by ${JSON.stringify(by)}`);
      assert.ok(left.includes(by.relay ?? by.protocol), `${JSON.stringify(by)}, want ${left.join(" or ")}`);
      if (took >= 2000) await viewer.close();
      assert.ok(took < 2000, `connected after ${Math.round(took)} ms, want 2 s`);
      return viewer;
    });
    open(); // the publisher was behind it, too, whose media had come directly
    await eventually("pictures", () => seen(viewer), (n) => n.ann > 15, 30);
    await Promise.all([publisher.close(), viewer.close()]);
  });
}

for (const [says, protocols, left] of ways) {
  test(`a call whose network loses ${says} goes on by another way`, { skip }, async (t) => {
    const pair = certificate();
    const server = await serve("--tls-cert", pair.cert, "--tls-key", pair.key);
    t.after(() => server.stop());
    const { arn } = (await server.call("CreateStage", { name: "moved" })).stage;
    const publisher = run("publish", "--json", "--token", await server.token(arn, "ann"));
    t.after(() => publisher.stop());
    const viewer = await web.page();
    await viewer.addInitScript(spy);
    await viewer.goto(`${server.url}/stage/#${await server.token(arn, "bob", ["SUBSCRIBE"])}`);
    await joinCall(viewer);
    await eventually("pictures", () => seen(viewer), (n) => n.ann > 15);
    const first = await way(viewer);
    assert.equal(first.protocol, "udp", JSON.stringify(first));
    // The publisher is behind it, too, and changes its way as well.
    const lost = Date.now();
    block(t, server.media, protocols);
    await viewer.$$eval("figure video", (all) => all.forEach((v) => (v.dataset.before = v.getVideoPlaybackQuality().totalVideoFrames + 10))); // some are under way
    await eventually("pictures again", () => seen(viewer), (n) => n.ann > 5, 40);
    const took = Date.now() - lost;
    const by = await way(viewer);
    console.log(`# without ${says} in the midst of a call: pictures again after ${took} ms by ${JSON.stringify(by)}`);
    assert.ok(left.includes(by.relay ?? by.protocol), `${JSON.stringify(by)}, want ${left.join(" or ")}`);
    assert.ok(took < 20_000, `after ${took} ms, want 20 s`);
    await viewer.close();
  });
}

const python = process.env.E2E_PYTHON ?? new URL("../../.cache/e2e/python/bin/python", import.meta.url).pathname;
const client = new URL("python/client.py", import.meta.url).pathname;

test("aiortc, whom only HTTPS is left, publishes through TURN by TLS and is seen", { skip: skip || (existsSync(python) ? false : "aiortc is not installed") }, async (t) => {
  const pair = certificate();
  const server = await serve("--tls-cert", pair.cert, "--tls-key", pair.key);
  t.after(() => server.stop());
  const { arn } = (await server.call("CreateStage", { name: "aiortc-relayed" })).stage;
  block(t, server.media, ["udp", "tcp"]);
  const publisher = run({ command: python }, client, "publish", await server.token(arn, "ann"), "--codec", "VP8", "--relay");
  t.after(() => publisher.stop());
  await eventually("a connection", () => publisher.lines, (l) => l.some((x) => x.includes('"connected"')), 20);
  const viewer = await web.page();
  await viewer.goto(`${server.url}/stage/#${await server.token(arn, "bob", ["SUBSCRIBE"])}`);
  await joinCall(viewer);
  await eventually("pictures", () => seen(viewer), (n) => n.ann > 15);
  await viewer.close();
});
