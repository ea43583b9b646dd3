// Calls between two tabs with applications on the browser SDK.
import assert from "node:assert/strict";
import { test } from "node:test";

import { firewall, mayBlock } from "./firewall.mjs";
import { eventually, server } from "./harness.mjs";
import { count, happens, joinPage, seesAndHears } from "./sdk-page.mjs";

/** A new stage. */
export const stageOf = async (name) => (await server.call("CreateStage", { name })).stage.arn;

/** Ann and Bob in a call. */
export async function call(t, name, ann = {}, bob = {}) {
  const arn = await stageOf(name);
  const pages = await Promise.all([
    joinPage(t, await server.token(arn, "ann"), { media: { identity: 1 }, ...ann }),
    joinPage(t, await server.token(arn, "bob"), { media: { identity: 2 }, ...bob }),
  ]);
  await seesAndHears(pages[0], "bob", 2);
  await seesAndHears(pages[1], "ann", 1);
  return { arn, ann: pages[0], bob: pages[1] };
}

const connected = (page) => eventually("the stage", () => page.evaluate(() => app.stages.main.stage.connectionState), (state) => state === "connected");

/** Leaves a stage of a page. */
export const leave = (page, name = "main") => page.evaluate((n) => app.stages[n].stage.leave(), name);

/** The tests of a call that hold in every browser; what serverAndBrowser has brought up runs them. */
export function testCalls({ skip = false } = {}) {
  test("two tabs hold a call: they see and hear each other, and are told of each other", { skip }, async (t) => {
    const { ann, bob } = await call(t, "sdk-call");
    const told = await ann.evaluate(() => app.events);
    const of = (event) => told.filter((e) => e.event === event).map((e) => e.payload);
    assert.deepEqual(of("stageConnectionStateChanged").slice(0, 2), [["connecting"], ["connected"]]);
    assert.deepEqual(of("stageParticipantJoined"), [["ann"], ["bob"]]);
    assert.deepEqual(of("stageParticipantStreamsAdded").find(([who]) => who === "ann"), ["ann", ["audio", "video"]]);
    assert.deepEqual(of("stageParticipantStreamsAdded").find(([who]) => who === "bob")[1].toSorted(), ["audio", "video"]);
    assert.deepEqual(of("stageParticipantPublishStateChanged").filter(([who]) => who === "ann").slice(0, 2), [["ann", "attempting_publish"], ["ann", "published"]]);
    assert.deepEqual(of("stageParticipantSubscribeStateChanged").slice(0, 2), [["bob", "attempting_subscribe"], ["bob", "subscribed"]]);
    assert.deepEqual(of("error"), []);

    const before = await count(ann);
    await leave(bob);
    for (const [event, payload] of [["stageParticipantStreamsRemoved", "bob"], ["stageParticipantLeft", "bob"]]) await happens(ann, event, ([who]) => who === payload, before);
    await happens(bob, "stageLeft", ([reason]) => reason === "user-initiated");
    await happens(bob, "stageParticipantStreamsRemoved", ([who]) => who === "ann");
  });

  test("mute is told at once and silences; unmute undoes it", { skip }, async (t) => {
    const { ann, bob } = await call(t, "sdk-mute");
    const before = await count(bob);
    await ann.evaluate(() => app.stages.main.streams.forEach((s) => s.setMuted(true)));
    for (const kind of ["audio", "video"]) await happens(bob, "stageStreamMuteChanged", ([who, stream]) => who === "ann" && stream === kind, before);
    assert.deepEqual(await bob.evaluate(() => ["audio", "video"].map((k) => app.stream("main", "ann", k).isMuted)), [true, true]);
    const whyNoPicture = () => bob.evaluate(() => app.stages.main.stage.whyNoPicture(app.stages.main.stage.participants[1].id));
    await eventually("why there is no picture", whyNoPicture, (why) => why === "video-stopped");
    await eventually("silence", () => bob.evaluate(() => app.listen("main", "ann")), (f) => f === 0);
    await eventually("no picture", () => bob.evaluate(() => app.look("main", "ann")), (s) => s && s.identity === null && s.colour.every((c) => c < 40));
    await ann.evaluate(() => app.stages.main.streams.forEach((s) => s.setMuted(false)));
    await seesAndHears(bob, "ann", 1);
    await eventually("no reason to lack a picture", whyNoPicture, (why) => why === undefined);
  });

  test("the strategy decides anew at a refresh: audio only, nothing, and all again; publishing ends and begins", { skip }, async (t) => {
    const { ann, bob } = await call(t, "sdk-strategy");
    const subscribe = (what) => bob.evaluate((w) => ((app.stages.main.subscribe = w), app.stages.main.stage.refreshStrategy()), what);
    let before = await count(bob);
    await subscribe("AUDIO_ONLY");
    await happens(bob, "stageParticipantStreamsRemoved", ([who, kinds]) => who === "ann" && `${kinds}` === "video", before);
    await subscribe("AUDIO_VIDEO");
    await seesAndHears(bob, "ann", 1);
    before = await count(bob);
    await subscribe("NONE");
    await happens(bob, "stageParticipantSubscribeStateChanged", ([, state]) => state === "not_subscribed", before);
    await subscribe("AUDIO_ONLY");
    await eventually("the tone alone", () => bob.evaluate(() => app.listen("main", "ann")), (f) => f > 0);
    await subscribe("AUDIO_VIDEO");
    await seesAndHears(bob, "ann", 1);

    before = await count(bob);
    const publish = (what) => ann.evaluate((w) => ((app.stages.main.publish = w), app.stages.main.stage.refreshStrategy()), what);
    await publish(false);
    await happens(bob, "stageParticipantPublishStateChanged", ([who, state]) => who === "ann" && state === "not_published", before);
    await publish(true);
    await seesAndHears(bob, "ann", 1);
  });

  test("another camera takes over without publishing anew", { skip }, async (t) => {
    const { ann, bob } = await call(t, "sdk-switch");
    await ann.evaluate(() => (window.peer = app.stages.main.stage.publication.connection.peer));
    await ann.evaluate(() => app.stages.main.streams[1].replaceTrack(participant.picture({ identity: 8, width: 640, height: 360 }).track));
    await eventually("the other picture", () => bob.evaluate(() => app.look("main", "ann")), (s) => s?.identity === 8);
    await ann.evaluate(() => {
      const { streams, stage } = app.stages.main;
      app.stages.main.streams = [streams[0], new IVSBroadcastClient.LocalStageStream(participant.picture({ identity: 9 }).track, streams[1].mediaConfig)];
      stage.refreshStrategy();
    });
    await eventually("the third picture", () => bob.evaluate(() => app.look("main", "ann")), (s) => s?.identity === 9);
    assert.ok(await ann.evaluate(() => window.peer === app.stages.main.stage.publication.connection.peer), "it published anew");
  });

  test("one who is removed is told why, and can not come back", { skip }, async (t) => {
    const { arn, ann, bob } = await call(t, "sdk-kick");
    const id = await bob.evaluate(() => app.stages.main.stage.localParticipant.id);
    await server.call("DisconnectParticipant", { stageArn: arn, participantId: id, reason: "the talk is over" });
    await happens(bob, "stageLeft", ([reason]) => reason === "participant-disconnected");
    await happens(ann, "stageParticipantLeft", ([who]) => who === "bob");
    const again = await bob.evaluate(() => app.stages.main.stage.join().then(() => null, ({ code, category }) => ({ code, category })));
    assert.deepEqual(again, { code: 10, category: "JOIN_ERROR" });
  });

  test("a call goes on after the server was killed", { skip }, async (t) => {
    const { ann, bob } = await call(t, "sdk-kill");
    await server.kill();
    await happens(ann, "stageConnectionStateChanged", ([state]) => state === "errored");
    await server.start();
    for (const page of [ann, bob]) await connected(page);
    await seesAndHears(ann, "bob", 2);
    await seesAndHears(bob, "ann", 1);
  });

  test("a call goes on after the network was away", { skip: skip || (mayBlock() ? false : "cutting the network needs iptables and root") }, async (t) => {
    const { ann, bob } = await call(t, "sdk-cut");
    const ports = [["tcp", new URL(server.url).port], ["udp", server.media], ["tcp", server.media]];
    const rules = ports.flatMap(([protocol, port]) => ["--sport", "--dport"].map((side) => ["OUTPUT", "-p", protocol, side, `${port}`, "-j", "DROP"]));
    const restore = () => rules.splice(0).forEach((rule) => firewall("-D", ...rule));
    t.after(restore);
    for (const rule of rules) firewall("-I", ...rule);
    for (const page of [ann, bob]) await happens(page, "stageConnectionStateChanged", ([state]) => state === "errored");
    restore();
    for (const page of [ann, bob]) await connected(page);
    await seesAndHears(ann, "bob", 2);
    await seesAndHears(bob, "ann", 1);
  });
}
