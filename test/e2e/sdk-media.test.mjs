// What applications on the browser SDK do with media beyond a call: layers, messages
// within the video. The rest is in sdk-devices.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";

import { bestOf, eventually, server, serverAndBrowser } from "./harness.mjs";
import { stageOf } from "./sdk-call.mjs";
import { testDevices } from "./sdk-devices.mjs";
import { count, happens, joinPage, seesAndHears } from "./sdk-page.mjs";

serverAndBrowser();
testDevices();

test("a viewer knows the layers of a simulcast publisher, and gets the one that it prefers", async (t) => {
  const arn = await stageOf("sdk-layers");
  const video = { simulcast: { enabled: true } };
  const ann = await joinPage(t, await server.token(arn, "ann", ["PUBLISH"]), { media: { identity: 1, width: 1280, height: 720, fps: 15, video } });
  const bob = await joinPage(t, await server.token(arn, "bob", ["SUBSCRIBE"]));
  await eventually("three layers", () => bob.evaluate(() => app.stream("main", "ann", "video")?.getLayers().map((l) => [l.label, l.height])), (l) => l?.length === 3);
  await happens(bob, "stageStreamAdaptionChanged", ([who, , isAdapting]) => who === "ann" && isAdapting);
  const sent = await eventually("statistics of each layer", () => ann.evaluate(() => app.stages.main.streams[1].requestQualityStats()), (s) => s?.length === 3 && s.every((x) => x.rid && x.networkQuality !== undefined));
  assert.deepEqual(sent.map((s) => s.rid).toSorted(), ["hi", "low", "mid"]);
  const choose = (choice) => bob.evaluate((c) => ((app.stages.main.layer = c), app.stages.main.stage.refreshStrategy()), choice);
  await choose("highest");
  await eventually("the best layer", () => bob.evaluate(() => app.stream("main", "ann", "video").getSelectedLayer()?.label), (label) => label === "hi");
  const chosen = async (choice, label, satisfied) => {
    const before = await count(bob);
    await choose(choice);
    const look = () => bob.evaluate(() => ({ width: app.look("main", "ann")?.width, layer: app.stream("main", "ann", "video").getSelectedLayer()?.width }));
    const { width } = await eventually(`the layer ${label}`, look, (s) => s.width > 0 && s.width === s.layer && satisfied(s.width));
    await happens(bob, "stageStreamLayerSelected", ([who, kind, layer, reason]) => who === "ann" && kind === "video" && layer.label === label && reason === "selected", before);
    return width;
  };
  await bestOf(2, async () => { // a busy browser sends all layers smaller: their order is sure once it has settled
    const low = await chosen("lowest", "low", (width) => width <= 320);
    const hi = await chosen("highest", "hi", (width) => width > 2 * low);
    await chosen("mid", "mid", (width) => width > low && width < hi);
  });
  assert.equal(await bob.evaluate(() => app.stream("main", "ann", "video").getSelectedLayer().label), "mid");
  await happens(bob, "stageStreamAdaptionChanged", ([who, , isAdapting]) => who === "ann" && !isAdapting);
});

test("layers of the application's own are sent", async (t) => {
  const arn = await stageOf("sdk-own-layers");
  const layers = [{ width: 640, height: 360, maxBitrateKbps: 800, maxFramerate: 30 }, { width: 320, height: 180, maxBitrateKbps: 200, maxFramerate: 15 }];
  await joinPage(t, await server.token(arn, "ann", ["PUBLISH"]), { media: { identity: 1, video: { simulcast: { enabled: true, layers } } } });
  const bob = await joinPage(t, await server.token(arn, "bob", ["SUBSCRIBE"]));
  await eventually("two layers", () => bob.evaluate(() => app.stream("main", "ann", "video")?.getLayers().map((l) => l.width)), (l) => l?.length === 2 && l[0] <= 640 && l[1] > 0 && l[1] <= 320 && l[0] > l[1]);
});

test("messages travel within the video, and repeated ones arrive once", async (t) => {
  const arn = await stageOf("sdk-messages");
  const inBandMessaging = { enabled: true };
  for (const simulcast of [false, true]) {
    const user = simulcast ? "simulcast" : "plain";
    const ann = await joinPage(t, await server.token(arn, user, ["PUBLISH"]), { media: { identity: 1, video: { inBandMessaging, simulcast: { enabled: simulcast } } } });
    const bob = await joinPage(t, await server.token(arn, `viewer-${user}`, ["SUBSCRIBE"]), { configuration: { inBandMessaging } });
    await seesAndHears(bob, user, 1);
    const before = await count(bob);
    await ann.evaluate(async () => {
      const [, video] = app.stages.main.streams;
      const text = (s) => new TextEncoder().encode(s).buffer;
      await video.insertSeiMessage(text("question 1"));
      await video.insertSeiMessage(new Uint8Array([0, 0, 0, 1, 2, 3, 0, 0, 0]), { repeatCount: 10 });
      await video.insertSeiMessage(text("häßlich \u{1f600}"), { repeatCount: 3 });
    });
    await happens(bob, "stageStreamSeiMessageReceived", ([who, { text }]) => who === user && text === "häßlich \u{1f600}", before);
    const pictures = () => bob.evaluate(async (u) => (await app.stream("main", u, "video").requestQualityStats())[0].framesDecoded, user);
    const seen = await pictures();
    await eventually("the pictures with what is repeated", pictures, (n) => n > seen + 20);
    await ann.evaluate(() => app.stages.main.streams[1].insertSeiMessage(new TextEncoder().encode("the last")));
    await happens(bob, "stageStreamSeiMessageReceived", ([, { text }]) => text === "the last", before);
    const messages = (await bob.evaluate(() => app.events)).filter((e) => e.event === "stageStreamSeiMessageReceived").map((e) => e.payload[1].text);
    assert.deepEqual(messages, ["question 1", "\0\0\0\x01\x02\x03\0\0\0", "häßlich \u{1f600}", "the last"]);
    await Promise.all([ann, bob].map((page) => page.evaluate(() => app.stages.main.stage.leave())));
  }
});
