// Firefox and Chromium meet in a stage. Debian's Firefox has no H.264 for calls
// (its codec is a plugin that is downloaded later), so they speak VP8.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browse, browseFirefox, eventually, noFirefox as skip, serveWide } from "./harness.mjs";

let server, chromium, firefox;

before(async () => {
  if (skip) return;
  server = await serveWide();
  [chromium, firefox] = await Promise.all([browse(), browseFirefox()]);
});
after(async () => {
  await firefox?.stop();
  await chromium?.stop();
  await server?.stop();
});

const inbound = (stats, kind) => stats.find((s) => s.type === "inbound-rtp" && s.kind === kind);
const evaluate = (page, fn, ...args) => page.evaluate(fn, args);

for (const [from, to, simulcast] of [["firefox", "chromium", false], ["firefox", "chromium", true], ["chromium", "firefox", false], ["chromium", "firefox", true]]) {
  test(`${from} publishes VP8${simulcast ? " in three layers" : ""}, ${to} sees and hears it`, { skip }, async (t) => {
    const browsers = { chromium, firefox };
    const [publisher, viewer] = [await browsers[from].page(), await browsers[to].page()];
    t.after(() => Promise.all([publisher.close(), viewer.close()]));
    const { arn } = (await server.call("CreateStage", { name: `${from}-${to}` })).stage;
    const { id } = await evaluate(publisher, ([k, o]) => participant.publish(k, o), await server.token(arn, "ann"), { codec: "VP8", identity: 7, simulcast });
    const { firstPicture } = await evaluate(viewer, ([k, i]) => participant.subscribe(k, i), await server.token(arn, "bob", ["SUBSCRIBE"]), id);
    const seen = await eventually("a readable picture", () => evaluate(viewer, ([i]) => participant.look(i), id), (s) => s.identity === 7 && s.latency !== null);
    const [r, g, b] = seen.colour;
    assert.ok(r > 140 && g < 90 && b < 90, `the colour is ${seen.colour}, expected red`);
    await eventually("a later picture", () => evaluate(viewer, ([i]) => participant.look(i), id), (s) => s.frame !== null && ((s.frame - seen.frame) & 0xffff) >= 15);
    if (simulcast) {
      for (const [label, width] of [["low", 320], ["hi", 1280]]) {
        const answer = await evaluate(viewer, ([i, l]) => participant.layer(i, { label: l }), id, label);
        assert.equal(answer.status, 200, `choosing ${label}: ${JSON.stringify(answer)}`);
        await eventually(`the ${label} layer`, () => evaluate(viewer, ([i]) => participant.look(i), id), (s) => s.width === width);
      }
    }
    const stats = await eventually("sound", () => evaluate(viewer, ([i]) => participant.received(i), id), (s) => inbound(s, "audio")?.packetsReceived > 50);
    await eventually("no loss that isn't made good", () => evaluate(viewer, ([i]) => participant.received(i), id), (s) => inbound(s, "video").packetsLost === 0, 5);
    t.diagnostic(`first picture after ${Math.round(firstPicture)} ms, ${seen.width}x${seen.height}, ${seen.latency} ms old, cipher ${stats.find((s) => s.type === "transport")?.srtpCipher}`);
  });
}

test("Firefox publishes and receives although a stage refuses a part of its media", { skip }, async (t) => {
  const page = await firefox.page();
  t.after(() => page.close());
  const { arn } = (await server.call("CreateStage", { name: "firefox-more" })).stage;
  const { id } = await evaluate(page, ([k]) => participant.publish(k, { codec: "VP8", identity: 8, more: true }), await server.token(arn, "ann"));
  await evaluate(page, ([k, i]) => participant.subscribe(k, i, true), await server.token(arn, "bob", ["SUBSCRIBE"]), id);
  await eventually("a readable picture", () => evaluate(page, ([i]) => participant.look(i), id), (s) => s.identity === 8);
  await eventually("sound", () => evaluate(page, ([i]) => participant.received(i), id), (s) => inbound(s, "audio")?.packetsReceived > 50);
});

test("Firefox, which has no H.264, hears an H.264 publisher and is told why it sees nothing", { skip }, async (t) => {
  const [publisher, viewer] = [await chromium.page(), await firefox.page()];
  t.after(() => Promise.all([publisher.close(), viewer.close()]));
  const { arn } = (await server.call("CreateStage", { name: "no-h264" })).stage;
  const { id } = await evaluate(publisher, ([k]) => participant.publish(k, { codec: "H264" }), await server.token(arn, "ann"));
  await evaluate(viewer, ([k, i]) => void participant.subscribe(k, i), await server.token(arn, "bob", ["SUBSCRIBE"]), id);
  const stats = await eventually("sound", () => evaluate(viewer, ([i]) => participant.subscriptions[i] && participant.received(i), id), (s) => s && inbound(s, "audio")?.packetsReceived > 50);
  assert.ok(!inbound(stats, "video")?.packetsReceived, "pictures that can't be decoded must not be sent");
  const { status, body } = await evaluate(viewer, ([i]) => participant.layer(i, { label: "auto" }), id);
  assert.equal(status, 200);
  assert.equal(body.video, false);
  assert.equal(body.reason, "no-codec");
});
