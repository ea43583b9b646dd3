// What happens when the network, a browser or the server fails.
import assert from "node:assert/strict";
import { test } from "node:test";

import { firewall, mayBlock } from "./firewall.mjs";
import { bestOf, browse, eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const inbound = (stats, kind) => stats.find((s) => s.type === "inbound-rtp" && s.kind === kind);
const received = (page, id) => page.evaluate((i) => participant.received(i), id);

/** A publisher and a viewer who sees it, on pages of two browsers if another is given. */
async function meet(name, t, host = web) {
  const { arn } = (await server.call("CreateStage", { name })).stage;
  const [publisher, viewer] = [await host.page(), await web.page()];
  t.after(() => Promise.allSettled([publisher.close(), viewer.close()]));
  const tokens = [await server.token(arn, "ann"), await server.token(arn, "bob", ["SUBSCRIBE"])];
  const { id } = await publisher.evaluate((k) => participant.publish(k, { identity: 4 }), tokens[0]);
  await viewer.evaluate(([k, i]) => participant.subscribe(k, i), [tokens[1], id]);
  await eventually("a picture", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.identity === 4);
  return { arn, publisher, viewer, id, tokens };
}

/** Waits for pictures that were not there yet. */
async function moves(viewer, id) {
  const seen = inbound(await received(viewer, id), "video").framesDecoded;
  await eventually("further pictures", () => received(viewer, id), (s) => inbound(s, "video").framesDecoded > seen + 20);
}

test("where no UDP passes, media go over TCP both ways", { skip: mayBlock() ? false : "blocking UDP needs iptables and root" }, async (t) => {
  const rules = ["--sport", "--dport"].map((side) => ["OUTPUT", "-p", "udp", side, `${server.media}`, "-j", "DROP"]);
  for (const rule of rules) firewall("-I", ...rule);
  t.after(() => rules.forEach((rule) => firewall("-D", ...rule)));
  const { publisher, viewer, id } = await meet("no-udp", t);
  await moves(viewer, id);
  for (const [who, page] of Object.entries({ publisher, viewer })) {
    await eventually(`the ${who} speaks TCP`, () => page.evaluate((i) => participant.way(i), id), (way) => way?.protocol === "tcp", 5);
  }
  assert.equal(inbound(await received(viewer, id), "video").packetsLost, 0);
});

test("ICE restarts on both sides while the picture goes on", async (t) => {
  const { publisher, viewer, id } = await meet("restart", t);
  const freezes = async () => inbound(await received(viewer, id), "video").freezeCount;
  /** A restart must not be seen; but what a busy machine shows late counts as a freeze, too. */
  const unseen = (restart) => bestOf(5, async () => {
    const before = await freezes();
    const made = await restart();
    await moves(viewer, id);
    assert.equal(await freezes(), before, "the picture froze");
    return made;
  });
  const first = await unseen(() => publisher.evaluate((i) => participant.restartPublication(i), id));
  const second = await unseen(() => viewer.evaluate((i) => participant.restartSubscription(i), id));
  const third = await unseen(() => viewer.evaluate((i) => participant.restartSubscription(i), id));
  assert.notEqual(second.ufrag, third.ufrag, "each restart has credentials of its own");
  assert.ok(first.etag && second.etag && second.etag !== third.etag, `ETags ${first.etag}, ${second.etag}, ${third.etag}`);
});

// On a busy machine a browser that is killed takes a while to be gone itself.
test("a browser that dies is gone within thirteen seconds", (t) => bestOf(2, async () => {
  const other = await browse();
  t.after(() => other.stop());
  const { arn, publisher, viewer, id, tokens } = await meet("death", t, other);
  await publisher.evaluate((k) => participant.events(k), tokens[0]);
  await viewer.evaluate((k) => participant.events(k), tokens[1]);
  const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
  const state = () => viewer.evaluate(() => participant.messages.findLast((m) => m.type === "STAGE_STATE")?.payload.participants);
  await eventually("the publisher in the state", state, (s) => s?.some((p) => p.id === id && p.isPublishing));
  const died = Date.now();
  other.kill();
  await eventually("a state without it", state, (s) => !s.some((p) => p.id === id && p.isPublishing), 20);
  const unpublished = Date.now() - died;
  const asked = { stageArn: arn, sessionId, participantId: id };
  await eventually("the LEFT event", async () => (await server.call("ListParticipantEvents", asked)).events.map((e) => e.name), (all) => all.at(-1) === "LEFT", 20);
  const left = Date.now() - died;
  t.diagnostic(`no longer publishing after ${unpublished} ms, left after ${left} ms`);
  assert.ok(left > 5_000 && left < 13_000, `left after ${left} ms, expected about twelve seconds`);
  assert.equal((await server.call("GetParticipant", asked)).participant.state, "DISCONNECTED");
}));

test("after kill -9 the past is closed truthfully, and everybody can come back", async (t) => {
  const { arn, publisher, viewer, id, tokens } = await meet("crash", t);
  const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
  const killed = Date.now();
  await server.kill();
  await server.start();
  const restarted = Date.now();
  const session = await eventually("the end of the session", async () => (await server.call("GetStageSession", { stageArn: arn, sessionId })).stageSession, (s) => s.endTime, 10);
  assert.ok(session.endTime >= session.startTime && session.endTime <= Date.now() && session.endTime >= killed - 25_000, `ended at ${session.endTime.toISOString()}, killed at ${new Date(killed).toISOString()}`);
  const { participants } = await server.call("ListParticipants", { stageArn: arn, sessionId });
  assert.deepEqual(participants.map((p) => p.state), ["DISCONNECTED", "DISCONNECTED"]);
  assert.equal((await server.call("GetStage", { arn })).stage.activeSessionId ?? "", "");
  assert.equal((await server.call("ListParticipantEvents", { stageArn: arn, sessionId, participantId: id })).events.at(-1).name, "LEFT");

  await publisher.evaluate((k) => participant.publish(k, { identity: 5 }), tokens[0]);
  await viewer.evaluate(([k, i]) => participant.subscribe(k, i), [tokens[1], id]);
  await eventually("the picture again", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.identity === 5);
  const { activeSessionId } = (await server.call("GetStage", { arn })).stage;
  assert.notEqual(activeSessionId, sessionId, "coming back is another session");
  t.diagnostic(`ready ${restarted - killed} ms after the kill, seen again after ${Date.now() - killed} ms`);
});
