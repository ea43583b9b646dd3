// A camera on the page of a stage is sent in three layers, of which those that nobody
// watches are left out.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { eventually, joinCall, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

/** Has a page remember its connections, whose statistics are its own affair. */
const remember = () => {
  const Plain = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Plain {
    constructor(...how) {
      super(...how);
      window.connections.push(this);
    }
  };
};

/** Pictures sent of each layer, and whether it is meant to be sent. */
const layers = (page) =>
  page.evaluate(async () => {
    const all = {};
    for (const connection of window.connections) {
      for (const s of (await connection.getStats()).values()) {
        if (s.type === "outbound-rtp" && s.kind === "video") all[s.rid] = { active: s.active, frames: s.framesSent };
      }
    }
    return all;
  });

test("unused layers are paused, and resumed when a viewer asks for the best", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "unused-layers" })).stage;
  const page = await web.page();
  t.after(() => page.close());
  await (page.addInitScript?.(remember) ?? page.evaluateOnNewDocument(remember));
  const token = await server.token(arn, "ann");
  const id = JSON.parse(Buffer.from(token.split(".")[1], "base64url")).jti;
  await page.goto(`${server.url}/stage/#${token}`);
  await joinCall(page);
  await eventually("three layers are there", () => layers(page), (l) => l.hi && l.mid && l.low?.frames > 5);
  await eventually("the upper two are paused", () => layers(page), (l) => !l.hi.active && !l.mid.active && l.low.active);
  let before;
  await eventually("what was being encoded is sent", async () => {
    const last = before;
    before = await layers(page);
    return ["hi", "mid"].every((rid) => before[rid].frames === last?.[rid].frames);
  }, (still) => still, 5);
  const later = await eventually("the smallest goes on", () => layers(page), (l) => l.low.frames > before.low.frames + 20);
  for (const rid of ["hi", "mid"]) assert.ok(later[rid].frames - before[rid].frames <= 2, `of ${rid} ${later[rid].frames - before[rid].frames} pictures were sent`);

  const viewer = await web.page();
  t.after(() => viewer.close());
  const { firstPicture } = await viewer.evaluate(([t, i]) => participant.subscribe(t, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
  const asked = Date.now();
  const answer = await viewer.evaluate((i) => participant.layer(i, { label: "hi" }), id);
  assert.equal(answer.status, 200);
  await eventually("the best layer is sent again", () => layers(page), (l) => l.hi.active && l.hi.frames > later.hi.frames);
  const sent = Date.now() - asked;
  await eventually("the viewer sees it", () => viewer.evaluate((i) => participant.look(i), id), (s) => s.width === 1280);
  t.diagnostic(`a viewer's first picture came after ${Math.round(firstPicture)} ms; the best layer was sent ${sent} ms, and seen ${Date.now() - asked} ms, after it was asked for`);
});
