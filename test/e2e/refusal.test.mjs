// What the page of a stage says when there is no call, or not all of one, and what it offers.
import assert from "node:assert/strict";
import { test } from "node:test";

import { expectAccessible } from "./axe.mjs";
import { claims, eventually, joinCall, run, serve, server, serverAndBrowser, smallCamera, web } from "./harness.mjs";

serverAndBrowser();

/** Opens the page of a stage, in a browser that init has made different. */
async function open(t, token, init = () => {}, url = server.url) {
  const page = await web.page();
  t.after(() => page.close());
  await page.addInitScript(smallCamera);
  await page.addInitScript(init);
  await page.goto(`${url}/stage/#${token}`);
  return page;
}

/** Waits until the page says why there is no call, and returns what it offers. */
async function ending(page, title, text) {
  await page.waitForSelector(`#ended:not([hidden]) h1:has-text("${title}")`);
  assert.match(await page.textContent("#ended-text"), text);
  await expectAccessible(page, title);
  return page.$$eval("#ways > *", (all) => all.map((w) => w.textContent));
}

const newStage = async () => (await server.call("CreateStage", {})).stage.arn;

test("somebody who was removed is told so with the reason, and offered no other attempt", async (t) => {
  const arn = await newStage();
  const token = await server.token(arn, "ann");
  const page = await open(t, token);
  await joinCall(page);
  await server.call("DisconnectParticipant", { stageArn: arn, participantId: claims(token).jti, reason: "too loud" });
  assert.deepEqual(await ending(page, "You were removed", /Too loud\. This link can not be used any more/), ["Use another link"]);
  const again = await open(t, token);
  await ending(again, "You were removed", /can not be used/);
});

test("somebody whose stage is deleted is told so", async (t) => {
  const arn = await newStage();
  const page = await open(t, await server.token(arn, "ann"));
  await joinCall(page);
  await server.call("DeleteStage", { arn });
  assert.deepEqual(await ending(page, "The stage was deleted", /over for everybody/), ["Use another link"]);
});

test("a link that has expired is told with the local time, before the camera is asked for", async (t) => {
  const { participantToken } = await server.call("CreateParticipantToken", { stageArn: await newStage(), duration: 1 });
  const { exp } = claims(participantToken.token);
  // The browser's clock stays right; the page asks the server, whose clock is an hour ahead by the answer.
  const page = await web.page({ timezoneId: "Asia/Kolkata", locale: "en-GB" });
  t.after(() => page.close());
  await page.route("**/events/**", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", json: { code: "TOKEN_EXPIRED", detail: "the token has expired" } }));
  await page.goto(`${server.url}/stage/#${participantToken.token}`);
  const time = new Date(1000 * exp).toLocaleTimeString("en-GB", { timeZone: "Asia/Kolkata", hour: "2-digit", minute: "2-digit" });
  assert.deepEqual(await ending(page, "This link has expired", new RegExp(`valid until .*${time}`)), ["Use another link"]);
});

test("a token that was changed is refused, and another one can be pasted", async (t) => {
  const arn = await newStage();
  const page = await open(t, `${(await server.token(arn, "ann")).slice(0, -8)}AAAAAAAA`);
  await ending(page, "This link is not valid", /signature/);
  await page.click("text=Use another link");
  await page.fill("#token", `${server.url}/stage/#${await server.token(arn, "ann")}`);
  await page.click("text=Continue");
  await joinCall(page);
});

test("what is no token is said to be none, and another is opened where the page is", async (t) => {
  const page = await open(t, "nonsense");
  await page.waitForSelector("#enter-problem:has-text('not a link to a stage')");
  await expectAccessible(page, "no token");
  await page.goto(`${server.url}/stage/#${await server.token(await newStage(), "ann")}`);
  await joinCall(page);
  assert.equal(new URL(page.url()).hash, "");
});

test("a link of another server can be opened there", async (t) => {
  const other = await serve();
  t.after(() => other.stop());
  const token = await other.token((await other.call("CreateStage", {})).stage.arn, "ann");
  const page = await open(t, token);
  const offers = await ending(page, "another server", new RegExp(`connects to ${other.url}, but this page came from ${server.url}`));
  assert.deepEqual(offers, [`Open it at ${new URL(other.url).host}`, "Use another link"]);
  await page.click("#ways a");
  await joinCall(page);
  assert.equal(page.url(), `${other.url}/stage/`);
});

test("a link that is used elsewhere is told so, and can be taken back", async (t) => {
  const token = await server.token(await newStage(), "ann");
  const first = await open(t, token);
  await joinCall(first);
  await joinCall(await open(t, token));
  await ending(first, "You joined somewhere else", /another tab/);
  await first.click("text=Join again");
  await joinCall(first);
});

test("a full stage is told so, and can be tried again", async (t) => {
  const page = await open(t, await server.token(await newStage(), "ann"));
  await page.routeWebSocket("**/events/**", (socket) => socket.close());
  await page.route("**/events/**", (route) => route.fulfill({ status: 429, contentType: "application/problem+json", json: { code: "STAGE_AT_CAPACITY", detail: "too many" } }));
  await page.click("#join");
  assert.deepEqual(await ending(page, "The stage is full", /Try again when somebody has left/), ["Join again", "Use another link"]);
});

test("somebody whom a quota keeps from publishing sees that nothing is sent, until there is room", async (t) => {
  const small = await serve("--limits", "open,publishers=1");
  t.after(() => small.stop());
  const { arn } = (await small.call("CreateStage", {})).stage;
  const ann = await open(t, await small.token(arn, "ann"), undefined, small.url);
  await joinCall(ann);
  await ann.waitForSelector("figure.own .name:text-is('ann (you)')");
  const bob = await open(t, await small.token(arn, "bob"), undefined, small.url);
  await joinCall(bob);
  await bob.waitForSelector("figure.own .name:has-text('connecting …')");
  await ann.click("#leave-tool");
  await bob.waitForSelector("figure.own .name:text-is('bob (you)')");
});

for (const [name, says] of [
  ["NotAllowedError", /The camera is not allowed\. Allow it in the settings of this site/],
  ["NotFoundError", /No camera was found\. Connect one/],
  ["NotReadableError", /Close other programs that use it/],
]) {
  test(`a camera that fails with ${name} says what to do, and can be tried again`, async (t) => {
    const page = await open(t, await server.token(await newStage(), "ann"), `(${(fails) => {
      const { getUserMedia } = MediaDevices.prototype;
      MediaDevices.prototype.getUserMedia = async function (wish) {
        if (!wish.video) return getUserMedia.call(this, wish);
        MediaDevices.prototype.getUserMedia = getUserMedia;
        throw new DOMException("no", fails);
      };
    }})("${name}")`);
    assert.match(await page.textContent("#problems li"), says);
    await expectAccessible(page, name);
    await page.click("#problems button");
    await page.waitForSelector("#stage-set:not(.without)");
    assert.equal(await page.$("#problems li"), null);
  });
}

test("a page from plain http says why it has no camera, and lets one watch", async (t) => {
  const page = await open(t, await server.token(await newStage(), "ann"), () => {
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
    Object.defineProperty(window, "isSecureContext", { value: false });
  });
  assert.match(await page.textContent("#problems"), /only to pages with https/);
  await expectAccessible(page, "plain http");
  await joinCall(page);
});

test("a viewer without the publisher's codec is told why there is no picture", async (t) => {
  const arn = await newStage();
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
  await joinCall(page);
  await eventually("the reason", () => page.textContent("figure:not(.own) .note"), (text) => /This browser lacks the codec/.test(text));
});
