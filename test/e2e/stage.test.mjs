// Participants meet in a stage: real browsers, the tools of the binary, and
// what the API says of all of it afterwards.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { bestOf, eventually, joinCall, run, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();
let stage;

const inbound = (stats, kind) => stats.find((s) => s.type === "inbound-rtp" && s.kind === kind);

/** The stage of a test, with a publisher page and a viewer page. */
async function scene(name) {
  stage = (await server.call("CreateStage", { name })).stage;
  return { arn: stage.arn, pages: await Promise.all([web.page(), web.page()]) };
}

const close = async (pages) => Promise.all(pages.map((p) => p.close()));

for (const codec of ["H264", "VP8"]) {
  test(`${codec} goes from page to page, picture and sound`, async () => {
    const { arn, pages } = await scene(`codec-${codec}`);
    const [publisher, viewer] = pages;
    const { id } = await publisher.evaluate(([t, c]) => participant.publish(t, { codec: c, identity: 7, colour: "#c02020" }), [await server.token(arn, "ann"), codec]);
    const { firstPicture } = await viewer.evaluate(([t, i]) => participant.subscribe(t, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
    const seen = await eventually("a readable picture of the last second", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.identity === 7 && s.latency !== null && s.latency < 1000);
    const [r, g, b] = seen.colour;
    assert.ok(r > 140 && g < 90 && b < 90, `the colour is ${seen.colour}, expected red`);
    const later = await eventually("a later picture", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.frame !== null && ((s.frame - seen.frame) & 0xffff) >= 15);
    assert.equal(later.identity, 7);
    const stats = await eventually("sound", () => viewer.evaluate((i) => participant.received(i), id), (s) => inbound(s, "audio")?.packetsReceived > 50 && inbound(s, "audio")?.audioLevel > 0.01);
    assert.match(stats.find((s) => s.type === "codec" && s.mimeType.startsWith("video/")).mimeType, new RegExp(codec, "i"));
    const reports = await eventually("a round-trip time at the viewer", () => viewer.evaluate((i) => participant.received(i), id), (s) => s.some((x) => x.type === "remote-outbound-rtp" && x.roundTripTimeMeasurements > 0));
    const rtt = reports.find((x) => x.roundTripTimeMeasurements > 0);
    const cipher = stats.find((s) => s.type === "transport")?.srtpCipher;
    console.log(`# ${codec}: first picture after ${Math.round(firstPicture)} ms, ${seen.width}x${seen.height}, ${seen.latency} ms old, cipher ${cipher}, round trip ${(1000 * rtt.totalRoundTripTime) / rtt.roundTripTimeMeasurements} ms`);
    await close(pages);
  });

  test(`${codec} simulcast: the viewer chooses its layer`, async () => {
    const { arn, pages } = await scene(`simulcast-${codec}`);
    const [publisher, viewer] = pages;
    const { id } = await publisher.evaluate(([t, c]) => participant.publish(t, { codec: c, simulcast: true, identity: 9 }), [await server.token(arn, "ann"), codec]);
    await eventually("three layers sent", () => publisher.evaluate((i) => participant.sent(i), id), (s) => s.filter((x) => x.type === "outbound-rtp" && x.kind === "video" && x.framesSent > 5).length === 3);
    await viewer.evaluate(([t, i]) => participant.subscribe(t, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
    const video = async () => inbound(await viewer.evaluate((i) => participant.received(i), id), "video");
    // On a busy machine the browser's encoder itself pauses for the keyframes that switches ask for.
    await bestOf(3, async () => {
      const before = await video();
      for (const [label, width] of [["low", 320], ["hi", 1280], ["mid", 640], ["hi", 1280], ["low", 320]]) {
        const answer = await viewer.evaluate(([i, l]) => participant.layer(i, { label: l }), [id, label]);
        assert.equal(answer.status, 200, `choosing ${label}: ${JSON.stringify(answer)}`);
        await eventually(`the ${label} layer`, () => viewer.evaluate((i) => participant.look(i), id), (s) => s.width === width);
      }
      const after = await video();
      const [freezes, frozen] = [after.freezeCount - before.freezeCount, after.totalFreezesDuration - before.totalFreezesDuration];
      assert.ok(freezes <= 5 && frozen < 2, `${freezes} freezes, ${frozen} s in all, over five switches`);
    });
    await eventually("a layer switch does not look like loss", video, (v) => v.packetsLost === 0, 5);
    await close(pages);
  });
}

test("two tabs hold a call, and the API tells the truth about it", async () => {
  const { arn, pages } = await scene("call");
  const [a, b] = pages;
  const tokens = [await server.token(arn, "ann"), await server.token(arn, "bob")];
  const states = await Promise.all(pages.map((p, i) => p.evaluate((t) => participant.events(t), tokens[i])));
  assert.equal(states.length, 2);
  const ids = await Promise.all(pages.map(async (p, i) => (await p.evaluate(([t, n]) => participant.publish(t, { identity: n, colour: n === 1 ? "#2040c0" : "#20a040" }), [tokens[i], i + 1])).id));
  for (const [i, p] of pages.entries()) {
    await eventually(`tab ${i} learns of the other`, () => p.evaluate(() => participant.messages.findLast((m) => m.type === "STAGE_STATE")?.payload), (s) => s?.participants.find((x) => x.id === ids[1 - i])?.isPublishing);
    await p.evaluate(([t, o]) => participant.subscribe(t, o), [tokens[i], ids[1 - i]]);
  }
  for (const [i, p] of pages.entries()) {
    await eventually(`tab ${i} sees the other`, () => p.evaluate((o) => participant.look(o), ids[1 - i]), (s) => s.identity === 2 - i);
  }
  const { activeSessionId } = (await server.call("GetStage", { arn })).stage;
  assert.match(activeSessionId, /^st-[a-zA-Z0-9]{13}$/);
  const { participants } = await server.call("ListParticipants", { stageArn: arn, sessionId: activeSessionId });
  assert.deepEqual(participants.map((p) => [p.participantId, p.userId, p.state, p.published]).sort(), ids.map((id, i) => [id, ["ann", "bob"][i], "CONNECTED", true]).sort());
  const { participant } = await server.call("GetParticipant", { stageArn: arn, sessionId: activeSessionId, participantId: ids[0] });
  assert.match(participant.browserName, /Chrom/, `the browser is called ${participant.browserName}`);
  const history = async () => (await server.call("ListParticipantEvents", { stageArn: arn, sessionId: activeSessionId, participantId: ids[0] })).events;
  const events = await eventually("whom it watches", history, (all) => all.some((e) => e.name === "SUBSCRIBE_STARTED" && e.remoteParticipantId === ids[1]), 5);
  assert.deepEqual(events.map((e) => e.name).slice(0, 2), ["JOINED", "PUBLISH_STARTED"]);

  await server.call("DisconnectParticipant", { stageArn: arn, participantId: ids[1], reason: "the talk is over" });
  const told = await eventually("the kicked tab is told", () => b.evaluate(() => participant.messages), (m) => m.some((x) => x.type === "KICKED"));
  assert.match(JSON.stringify(told.find((m) => m.type === "KICKED")), /the talk is over/);
  await eventually("the other tab sees it go", () => a.evaluate(() => participant.messages.findLast((m) => m.type === "STAGE_STATE").payload), (s) => !s.participants.some((x) => x.id === ids[1] && x.isPublishing));
  await assert.rejects(b.evaluate((t) => participant.publish(t), tokens[1]), /PARTICIPANT_DISCONNECTED/);
  await a.evaluate((i) => participant.unpublish(i), ids[0]);
  await close(pages);
  await eventually("everybody has left", async () => (await server.call("ListParticipants", { stageArn: arn, sessionId: activeSessionId })).participants, (all) => all.every((p) => p.state === "DISCONNECTED"));
  const after = (await history()).map((e) => e.name);
  assert.ok(after.includes("PUBLISH_STOPPED") && after.at(-1) === "LEFT", `the events end with ${after.slice(-3)}`);
});

describe("the tools of the binary", () => {
  test("rostrum publish is seen in a browser, clock and identity readable", async (t) => {
    const { arn, pages } = await scene("pattern");
    const token = await server.token(arn, "pattern");
    const id = JSON.parse(Buffer.from(token.split(".")[1], "base64url")).jti;
    const tool = run("publish", "--token", token, "--size", "1280x720");
    const viewer = pages[1];
    const watcher = await server.token(arn, "bob", ["SUBSCRIBE"]);
    await eventually("the pattern is published", async () => (await server.call("GetStage", { arn })).stage.activeSessionId ?? null, (s) => s !== null);
    await eventually("a subscription", () => viewer.evaluate(([t, i]) => participant.subscribe(t, i).then(() => true, (e) => String(e)), [watcher, id]), (x) => x === true);
    const seen = await eventually("a readable pattern of the last second", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.frame !== null && s.latency !== null && s.latency < 1000);
    t.diagnostic(`the pattern is ${seen.latency} ms old`);
    if (process.env.SCREENSHOTS) await viewer.screenshot({ path: `${process.env.SCREENSHOTS}/pattern.png` });
    assert.equal(await tool.stop(), 0, tool.lines.join("\n"));
    await close(pages);
  });

  test("rostrum subscribe measures what a browser publishes", async () => {
    const { arn, pages } = await scene("measure");
    const { id } = await pages[0].evaluate((t) => participant.publish(t, { identity: 3 }), await server.token(arn, "ann"));
    const tool = run("subscribe", "--token", await server.token(arn, "meter", ["SUBSCRIBE"]), id, "--duration", "5s", "--json");
    const [code] = await tool.exited;
    assert.equal(code, 0, tool.lines.join("\n"));
    const last = tool.lines.filter((l) => l.startsWith("{")).map((l) => JSON.parse(l)).at(-1);
    assert.ok(JSON.stringify(last).length > 20, tool.lines.join("\n"));
    console.log(`# rostrum subscribe: ${JSON.stringify(last)}`);
    await close(pages);
  });

  test("rostrum bench serves twenty viewers of two publishers without loss", async () => {
    // Its publishers and viewers need the machine as much as the server does.
    await bestOf(3, async () => {
      const tool = run("bench", "--publishers", "2", "--viewers", "20", "--simulcast", "--duration", "3s", "--json");
      const [code] = await tool.exited;
      assert.equal(code, 0, tool.lines.join("\n"));
      const report = JSON.parse(tool.lines.find((l) => l.startsWith("{")));
      assert.equal(report.subscriptions, 40, tool.lines.join("\n"));
      assert.equal(report.lossRatio, 0, tool.lines.join("\n"));
      assert.ok(report.picturesPerSecond > 25, tool.lines.join("\n"));
      console.log(`# rostrum bench: ${JSON.stringify(report)}`);
    });
  });

  test("rostrum demo shows a visitor two moving pictures, and the visitor's own", async () => {
    const tool = run("demo", "--listen", "127.0.0.1:0", "--media-port", "0");
    const address = await eventually("the page's address", () => tool.lines.join("\n").match(/http:\/\/\S+\/stage\/#\S+/)?.[0], (x) => x);
    const page = await web.page();
    await page.goto(address);
    await joinCall(page);
    const pictures = () => page.$$eval("figure:not(.own) video", (all) => all.map((v) => ({ width: v.videoWidth, shown: v.getVideoPlaybackQuality().totalVideoFrames })));
    await eventually("two moving pictures", pictures, (all) => all.length === 2 && all.every((v) => v.width > 0 && v.shown > 60));
    assert.match(await page.textContent("body"), /Ada/);
    assert.match(await page.textContent("body"), /Alan/);
    await eventually("the visitor's own picture", () => page.$eval("figure.own video", (v) => v.videoWidth), (width) => width > 0);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/demo.png` });
    await page.close();
    assert.equal(await tool.stop(), 0, tool.lines.join("\n"));
  });
});
