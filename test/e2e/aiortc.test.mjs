// aiortc, a WebRTC stack of its own in Python, publishes and subscribes with
// nothing but a token, as the service's public sample clients do.
import assert from "node:assert/strict";
import { test } from "node:test";

import { awaitRecordedVideo, claims, eventually, recordedCodecs, recordingConfiguration, run, server, serverAndBrowser, web } from "./harness.mjs";

const python = process.env.E2E_PYTHON ?? new URL("../../.cache/e2e/python/bin/python", import.meta.url).pathname;
const client = new URL("python/client.py", import.meta.url).pathname;

serverAndBrowser();

/** Runs the Python client; said() are the objects it printed. */
function peer(t, ...args) {
  const tool = run({ command: python }, client, ...args);
  t.after(() => tool.stop());
  const said = () =>
    tool.lines.flatMap((l) => {
      try {
        return [JSON.parse(l)];
      } catch {
        return [];
      }
    });
  return {
    said,
    stop: () => tool.stop(),
    async hears(what, satisfied) {
      const all = await eventually(what, () => said(), (s) => s.some(satisfied)).catch((e) => {
        throw new Error(`${e.message}\n${tool.lines.filter((l) => !l.startsWith("{")).join("\n")}`);
      });
      return all.findLast(satisfied);
    },
  };
}

const red = ([r, g, b]) => r > 140 && g < 90 && b < 90;

for (const [codec, plain] of [["H264", true], ["VP8", false]]) {
  test(`aiortc publishes ${codec}${plain ? " with a plain offer" : ""}; aiortc and a browser see and hear it`, async (t) => {
    const { arn } = (await server.call("CreateStage", { name: `aiortc-${codec}`, autoParticipantRecordingConfiguration: await recordingConfiguration(server.call) })).stage;
    const token = await server.token(arn, "ann");
    const bare = plain ? ["--plain"] : [];
    const publisher = peer(t, "publish", token, "--codec", codec, ...bare);
    const { offer, answer } = await publisher.hears("an answer", (m) => m.event === "answered");
    assert.match(offer, /a=rtpmap:96 opus/, "aiortc numbers Opus 96");
    for (const section of answer.split(/^m=/m).slice(1)) {
      assert.match(section, /a=candidate:/, `a section without candidates:\nm=${section}`);
      assert.match(section, /a=end-of-candidates/);
    }
    await publisher.hears("a connection", (m) => m.state === "connected");

    const viewer = peer(t, "subscribe", await server.token(arn, "bob", ["SUBSCRIBE"]), claims(token).jti, ...bare);
    const picture = await viewer.hears("thirty pictures", (m) => m.event === "picture" && m.count > 30);
    assert.deepEqual([picture.width, picture.height], [640, 360]);
    assert.ok(red(picture.colour), `the colour is ${picture.colour}, expected red`);
    await viewer.hears("the tone", (m) => m.event === "sound" && m.count > 25 && m.rms > 3000);

    const page = await web.page();
    t.after(() => page.close());
    await page.evaluate(([k, i]) => participant.subscribe(k, i), [await server.token(arn, "eve", ["SUBSCRIBE"]), claims(token).jti]);
    const seen = await eventually("red in the browser", () => page.evaluate((i) => participant.look(i), claims(token).jti), (s) => red(s.colour));
    assert.equal(seen.width, 640);

    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
    const recorded = () => server.call("GetParticipant", { stageArn: arn, sessionId, participantId: claims(token).jti }).then((a) => a.participant);
    await awaitRecordedVideo(recorded);
    await publisher.stop();
    assert.deepEqual(await recordedCodecs(recorded), ["h264", "opus"]);
  });
}

test("aiortc publishes and subscribes although a stage refuses a part of its media", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "aiortc-more" })).stage;
  const token = await server.token(arn, "ann");
  const publisher = peer(t, "publish", token, "--more");
  await publisher.hears("a connection", (m) => m.state === "connected");
  const viewer = peer(t, "subscribe", await server.token(arn, "bob", ["SUBSCRIBE"]), claims(token).jti, "--more");
  const picture = await viewer.hears("thirty pictures", (m) => m.event === "picture" && m.count > 30);
  assert.ok(red(picture.colour), `the colour is ${picture.colour}, expected red`);
  await viewer.hears("the tone", (m) => m.event === "sound" && m.count > 25 && m.rms > 3000);
});

test("aiortc subscribes to a browser that sends three layers", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "aiortc-viewer" })).stage;
  const page = await web.page();
  t.after(() => page.close());
  const { id } = await page.evaluate((k) => participant.publish(k, { simulcast: true, identity: 5 }), await server.token(arn, "ann"));
  const viewer = peer(t, "subscribe", await server.token(arn, "bob", ["SUBSCRIBE"]), id);
  const picture = await viewer.hears("sixty pictures", (m) => m.event === "picture" && m.count > 60);
  assert.ok(red(picture.colour), `the colour is ${picture.colour}, expected red`);
  await viewer.hears("the tone", (m) => m.event === "sound" && m.rms > 1000);
});

test("the events socket takes the token as its sub-protocol, answers PING and tells the state", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "aiortc-events" })).stage;
  const token = await server.token(arn, "ann");
  const watcher = peer(t, "events", await server.token(arn, "bob", ["SUBSCRIBE"]));
  assert.ok((await watcher.hears("an open socket", (m) => m.event === "open")).echoed, "the token must be echoed as the chosen sub-protocol");
  await watcher.hears("PONG", (m) => m.message?.type === "PONG");
  const publisher = peer(t, "publish", token);
  await publisher.hears("a connection", (m) => m.state === "connected");
  const state = await watcher.hears("the publisher in the state", (m) => m.message?.type === "STAGE_STATE" && m.message.payload.participants.some((p) => p.isPublishing));
  const { payload } = state.message;
  assert.equal(payload.stageId, claims(token).topic);
  const { id, userId, attributes, isPublishing } = payload.participants.find((p) => p.id === claims(token).jti);
  assert.deepEqual({ id, userId, attributes, isPublishing }, { id: claims(token).jti, userId: "ann", attributes: { name: "ann" }, isPublishing: true });
});
