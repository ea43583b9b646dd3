// What the page of a stage says when it has nothing to show, or may not show it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { claims, eventually, run, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

/** What somebody sees of the page: nothing while it is loaded anew. */
const seen = (page) => page.evaluate(() => document.body.innerText).catch(() => "");

/** Opens the page of a stage, in a browser that init has made different. */
async function open(t, token, init = () => {}) {
  const page = await web.page();
  t.after(() => page.close());
  await page.addInitScript(init);
  await page.goto(`${server.url}/stage/#${token}`);
  return page;
}

const invitation = /Nobody publishes|Turn sound|Publish my camera|Stop my camera/;

for (const [who, says, happens] of [
  ["who was disconnected", /removed from the stage. too loud/, ({ arn, token }) => server.call("DisconnectParticipant", { stageArn: arn, participantId: claims(token).jti, reason: "too loud" })],
  ["whose stage is deleted", /stage was deleted/, ({ arn }) => server.call("DeleteStage", { arn })],
]) {
  test(`somebody ${who} is told so, and offered nothing`, async (t) => {
    const { arn } = (await server.call("CreateStage", {})).stage;
    const token = await server.token(arn, "ann");
    const page = await open(t, token);
    await eventually("the stage", () => seen(page), (text) => /1 participant/.test(text));
    await happens({ arn, token });
    const text = await eventually("why not", () => seen(page), (text) => says.test(text));
    assert.doesNotMatch(text, invitation);
  });
}

test("somebody whose token was changed is told so, and offered nothing", async (t) => {
  const { arn } = (await server.call("CreateStage", {})).stage;
  const page = await open(t, `${(await server.token(arn, "ann")).slice(0, -8)}AAAAAAAA`);
  const text = await eventually("why not", () => seen(page), (text) => /signature that does not match/.test(text));
  assert.doesNotMatch(text, invitation);
});

test("a camera that may not be used can be asked for again", async (t) => {
  const { arn } = (await server.call("CreateStage", {})).stage;
  const page = await open(t, await server.token(arn, "ann"), () => {
    const may = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wish) => {
      navigator.mediaDevices.getUserMedia = may;
      throw new DOMException("Permission denied", "NotAllowedError");
    };
  });
  await page.click("#camera");
  const text = await eventually("the refusal", () => seen(page), (text) => /not published: Permission denied/.test(text));
  assert.match(text, /Publish my camera/);
  await page.click("#camera");
  await eventually("its picture", () => seen(page), (text) => /Stop my camera/.test(text) && /1 publishing/.test(text));
});

test("another token is opened where the page is", async (t) => {
  const { arn } = (await server.call("CreateStage", {})).stage;
  const page = await open(t, "nonsense");
  await eventually("a request for another", () => seen(page), (text) => /no participant token/.test(text));
  const token = await server.token(arn, "ann");
  await page.goto(`${server.url}/stage/#${token}`);
  await eventually("the stage", () => seen(page), (text) => /1 participant/.test(text));
});

test("a viewer without the publisher's codec is told why there is no picture", async (t) => {
  const { arn } = (await server.call("CreateStage", {})).stage;
  const publisher = run("publish", "--json", "--size", "320x180", "--video-bitrate", "200k", "--token", await server.token(arn, "pat"));
  t.after(() => publisher.stop());
  const page = await open(t, await server.token(arn, "ann"), () => {
    const { createOffer } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.createOffer = async function () {
      for (const t of this.getTransceivers()) {
        const { codecs } = RTCRtpReceiver.getCapabilities(t.receiver.track.kind);
        t.setCodecPreferences(codecs.filter((c) => !/H264/.test(c.mimeType)));
      }
      return createOffer.call(this);
    };
  });
  await eventually("the reason", () => seen(page), (text) => /Sound only: this browser lacks the codec/.test(text));
});
