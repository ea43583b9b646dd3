// A call on the page of a stage in Firefox, with the camera and microphone that it imitates.
import assert from "node:assert/strict";
import { test } from "node:test";

import { browseFirefox, claims, eventually, joinCall, noFirefox as skip, run, server, serverAndBrowser, serveWide, web } from "./harness.mjs";

serverAndBrowser({ start: serveWide, open: browseFirefox, skip });

const newStage = async () => (await server.call("CreateStage", { name: "meeting" })).stage.arn;

/** Opens the page by a link, in a browser that init has made different. */
async function open(t, fragment, init = () => {}) {
  const page = await web.page();
  t.after(() => page.close());
  page.setDefaultTimeout(40_000);
  await page.evaluateOnNewDocument(init);
  await page.goto(`${server.url}/stage/#${fragment}`);
  return page;
}

/** Waits for what a function of the page finds. */
const until = (page, what, find, satisfied, ...args) => eventually(what, () => page.evaluate(find, ...args), satisfied);

/** What the tile of somebody shows; its picture by the colour of a point in it. */
const tile = (page, name) =>
  page.evaluate((n) => {
    const figure = [...document.querySelectorAll("figure")].find((f) => f.querySelector(".name").textContent === n);
    if (!figure) return null;
    const video = figure.querySelector("video");
    const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
    const g = canvas.getContext("2d");
    if (video.videoWidth) g.drawImage(video, 0, 0, 8, 8);
    return { width: video.videoWidth, colour: `${g.getImageData(4, 6, 1, 1).data}`, note: figure.querySelector(".note").textContent, silent: figure.querySelector(".microphone").classList.contains("off"), speaking: figure.classList.contains("speaking") };
  }, name);

const shows = (page, name, what, satisfied) => eventually(`${name}: ${what}`, () => tile(page, name), (s) => s && satisfied(s));

/** Waits until a picture changes. */
async function moves(page, name) {
  const { colour } = await shows(page, name, "a picture", (s) => s.width > 0 && s.note === "");
  await shows(page, name, "it moves", (s) => s.colour !== colour);
}

/** Chooses the layers of a picture, and waits until their sizes come. */
async function layerIsChosen(page, name) {
  const layers = await until(page, "the layers", () => [...document.querySelectorAll(".layers:not([hidden]) option")].map((o) => o.value), (all) => all.length > 2);
  const widths = [];
  for (const label of ["low", layers.find((l) => l !== "low" && l !== "")]) {
    await page.select(".layers:not([hidden])", label);
    const { width } = await shows(page, name, `the layer ${label}`, (s) => s.width > 0 && s.width > (widths[0] ?? 0) && (widths.length > 0 || s.width <= 320));
    widths.push(width);
  }
  await page.select(".layers:not([hidden])", "");
}

test("two tabs of Firefox hold a call: pictures, mute, devices, layers, leave", { skip }, async (t) => {
  const arn = await newStage();
  const ann = await open(t, await server.token(arn, "ann"));
  await ann.waitForSelector("#stage-set:not(.without)");
  const cameras = await until(ann, "the cameras by their names", () => [...document.querySelector("#lobby-cameras").options].map((o) => o.text), (all) => all.length > 0 && !/^Camera/.test(all[0]));
  assert.ok(cameras.every(Boolean));
  await joinCall(ann);
  const bob = await open(t, await server.token(arn, "bob"));
  await joinCall(bob);
  await Promise.all([moves(ann, "bob"), moves(bob, "ann"), shows(ann, "bob", "unmuted", (s) => !s.silent)]);
  await bob.click("#microphone-tool"); // of two who are equally loud the first one remains the speaker
  await shows(bob, "ann", "who speaks", (s) => s.speaking);
  await bob.click("#microphone-tool");

  await layerIsChosen(bob, "ann");
  await ann.bringToFront(); // a tab that is not takes no clicks
  await until(bob, "a hidden tab", () => document.visibilityState, (state) => state === "hidden");
  await moves(ann, "bob"); // a hidden tab goes on publishing
  await ann.click("#microphone-tool");
  await ann.click("#camera-tool");
  await shows(bob, "ann", "muted", (s) => s.silent && s.note === "Camera off");
  await ann.click("#camera-tool");
  await ann.click("#microphone-tool");
  await shows(bob, "ann", "unmuted", (s) => !s.silent && s.note === "");
  await moves(bob, "ann");

  await ann.click("#settings-tool");
  await ann.waitForSelector("#settings[open]");
  const camera = await ann.$eval("#settings-cameras", (select) => {
    select.dispatchEvent(new Event("change"));
    return select.value;
  });
  await until(ann, "the same camera, opened again", () => document.querySelector("#settings-cameras").value, (value) => value === camera);
  await ann.keyboard.press("Escape");
  await moves(bob, "ann");
  await ann.click("#leave-tool");
  await ann.waitForSelector("#ended:not([hidden])");
  await eventually("ann is gone", () => tile(bob, "ann"), (s) => s === null);
});

/** Waits until the page says why there is no call, and returns what it offers. */
async function ending(page, title, text) {
  await until(page, title, () => document.querySelector("#ended:not([hidden]) h1")?.textContent ?? "", (s) => s.includes(title));
  assert.match(await page.$eval("#ended-text", (e) => e.textContent), text);
  return page.$$eval("#ways > *", (all) => all.map((w) => w.textContent));
}

test("Firefox is told why there is no call, no camera or no picture, and what to do", { skip }, async (t) => {
  const arn = await newStage();
  const token = await server.token(arn, "ann");
  const changed = await open(t, `${token.slice(0, -8)}AAAAAAAA`);
  assert.deepEqual(await ending(changed, "This link is not valid", /signature/), ["Use another link"]);

  const ann = await open(t, token, () => {
    const { getUserMedia } = MediaDevices.prototype;
    MediaDevices.prototype.getUserMedia = async function (wish) {
      if (!wish.video) return getUserMedia.call(this, wish);
      MediaDevices.prototype.getUserMedia = getUserMedia;
      throw new DOMException("no", "NotAllowedError");
    };
  });
  await until(ann, "the camera is not allowed", () => document.querySelector("#problems").textContent, (s) => /The camera is not allowed\. Allow it/.test(s));
  await ann.click("#problems button");
  await ann.waitForSelector("#stage-set:not(.without)");
  await joinCall(ann);

  const publisher = run("publish", "--size", "320x180", "--fps", "5", "--video-bitrate", "100k", "--token", await server.token(arn, "pat"));
  t.after(() => publisher.stop());
  await shows(ann, "pat", "the lack of H.264", (s) => /This browser lacks the codec/.test(s.note));

  await joinCall(await open(t, token));
  assert.deepEqual(await ending(ann, "You joined somewhere else", /another tab/), ["Join again", "Use another link"]);
  await server.call("DisconnectParticipant", { stageArn: arn, participantId: claims(token).jti, reason: "too loud" });
  await ann.bringToFront();
  await ann.click("#ways button");
  assert.deepEqual(await ending(ann, "You were removed", /can not be used/), ["Use another link"]);
});
