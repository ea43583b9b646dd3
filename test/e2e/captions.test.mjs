// Captions that travel within a video, in Chromium's own text track.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, server, serverAndBrowser } from "./harness.mjs";
import { joinPage, seesAndHears } from "./sdk-page.mjs";

serverAndBrowser();

test("captions within the video are shown as text, in a track of the element", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "captions" })).stage;
  const inBandMessaging = { enabled: true };
  const ann = await joinPage(t, await server.token(arn, "ann", ["PUBLISH"]), { media: { identity: 1, video: { inBandMessaging } } });
  const bob = await joinPage(t, await server.token(arn, "bob", ["SUBSCRIBE"]), { configuration: { inBandMessaging } });
  await seesAndHears(bob, "ann", 1);
  await bob.evaluate(() => {
    const { stage, videos } = app.stages.main;
    const { id } = stage.participants.find((p) => p.userId === "ann");
    app.captions = new IVSBroadcastClient.CaptionTrack(stage, id, videos.ann);
  });
  const cues = () => bob.evaluate(() => [...app.captions.track.cues].map((cue) => ({ shown: cue.getCueAsHTML().textContent, lasts: cue.endTime - cue.startTime })));
  const say = (caption) => ann.evaluate((c) => IVSBroadcastClient.sendCaption(app.stages.main.streams[1], c), caption);

  await say({ id: "one", text: "To be", duration: 60 });
  await eventually("a cue is active", () => bob.evaluate(() => [...app.captions.track.activeCues].map((cue) => cue.text)), (active) => active.join() === "To be");
  await say({ id: "one", text: "To be, or <b>not</b> & so", duration: 60 });
  await eventually("it is replaced", cues, (all) => all.length === 1 && all[0].shown === "To be, or <b>not</b> & so");
  await say({ id: "two", text: "häßlich \u{1f600}", duration: 30 });
  const [first, second] = await eventually("the next line", cues, (all) => all.length === 2);
  assert.equal(second.shown, "häßlich \u{1f600}");
  assert.ok(first.lasts < 60, `the line before lasts ${first.lasts} s`);
  await bob.evaluate(() => app.captions.close());
  assert.deepEqual(await bob.evaluate(() => app.stages.main.videos.ann.textTracks[0].mode), "disabled");
});
