// The page of a stage by keyboard, for screen readers, and with several devices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";

import { browse, eventually, joinCall, server, serverAndBrowser, smallCamera, web } from "./harness.mjs";

serverAndBrowser({ open: () => browse("--use-fake-device-for-media-stream=device-count=3,fps=15", "--autoplay-policy=user-gesture-required") });

const newStage = async () => (await server.call("CreateStage", { name: "meeting" })).stage.arn;

async function open(t, fragment) {
  const page = await web.page({ reducedMotion: "reduce" });
  t.after(() => page.close());
  await page.addInitScript(smallCamera);
  await page.goto(`${server.url}/stage/#${fragment}`);
  return page;
}

/** What has the focus, and whether one sees that. */
const focused = (page) =>
  page.evaluate(() => {
    const e = document.activeElement;
    const { outlineStyle, outlineWidth, opacity } = getComputedStyle(e);
    return { id: e.id || e.className, visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && opacity === "1" && e.getBoundingClientRect().width > 0 };
  });

/** Presses Tab until something has the focus, and returns what had it on the way. */
async function tabTo(page, id) {
  const way = [];
  while (way.at(-1) !== id) {
    assert.ok(way.length < 25, `Tab does not reach ${id}: ${way}`);
    await page.keyboard.press("Tab");
    const at = await focused(page);
    assert.ok(at.visible, `the focus on ${at.id} is not visible`);
    way.push(at.id);
  }
  return way;
}

const announced = (page, text) => page.waitForSelector(`#happened:text-is("${text}")`, { state: "attached" });

test("a call by keyboard alone: from the lobby through each dialog to leaving, the focus in order and visible", async (t) => {
  const arn = await newStage();
  const page = await open(t, `${await server.token(arn, "ann")}&invite=${await server.token(arn, "bob")}`);
  await page.waitForSelector("#stage-set:not(.without)");
  await page.waitForFunction(() => [...document.querySelectorAll("#lobby select[data-device]")].every((select) => !select.disabled)); // Tab skips them before
  assert.deepEqual(await tabTo(page, "join"), ["lobby-microphone", "lobby-camera", "lobby-cameras", "lobby-microphones", "lobby-speakers", "test-speaker quiet", "join"]);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#call:not([hidden])");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
  await page.waitForSelector("figure.own");
  await tabTo(page, "microphone-tool");
  await page.keyboard.press("Space");
  await announced(page, "Microphone off");
  assert.deepEqual(await tabTo(page, "people-tool"), ["camera-tool", "screen-tool", "layout-tool", "people-tool"]);
  for (const [tool, dialog] of [["people-tool", "people"], ["settings-tool", "settings"]]) {
    if (dialog !== "people") await tabTo(page, tool);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`#${dialog}[open]`);
    assert.ok(await page.evaluate((d) => document.getElementById(d).contains(document.activeElement), dialog), `the focus is not in ${dialog}`);
    await page.keyboard.press("Control+d"); // what it says is within the dialog: all else is inert
    await page.waitForSelector(`#${dialog} #happened`, { state: "attached" });
    await announced(page, dialog === "people" ? "Microphone on" : "Microphone off");
    await page.keyboard.press("Escape");
    await eventually("the focus returns to what opened the dialog", () => focused(page), ({ id }) => id === tool);
  }
  assert.deepEqual(await tabTo(page, "leave-tool"), ["leave-tool"]);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#ended:not([hidden])");
  assert.equal(await page.evaluate(() => document.activeElement.id), "ended-title");
});

test("devices are chosen before and in a call, stay chosen, and another takes the place of one that is unplugged", async (t) => {
  const arn = await newStage();
  const page = await open(t, await server.token(arn, "ann"));
  await page.waitForSelector("#stage-set:not(.without)");
  const cameras = await eventually("three cameras", () => page.$$eval("#lobby-cameras option", (all) => all.map((o) => o.value)), (all) => all.length === 3);
  const used = () => page.evaluate(() => document.querySelector("#preview").srcObject?.getVideoTracks()[0].getSettings().deviceId);
  await page.selectOption("#lobby-cameras", cameras[1]);
  await eventually("the second camera in the preview", used, (id) => id === cameras[1]);
  const last = (id) => eventually(`a device in ${id}`, () => page.$eval(id, (select) => select.options[select.options.length - 1]?.value), Boolean);
  const microphone = await last("#lobby-microphones");
  await page.selectOption("#lobby-microphones", microphone);
  const speaker = await last("#lobby-speakers");
  await page.selectOption("#lobby-speakers", speaker);
  await joinCall(page);
  const own = () => page.evaluate(() => document.querySelector("figure.own video")?.srcObject?.getVideoTracks()[0]?.getSettings().deviceId);
  await eventually("the second camera in the call", own, (id) => id === cameras[1]);
  const chosen = (within, wanted) => eventually(`the devices chosen in ${within}`, () => page.$$eval(`${within} select[data-device]`, (all) => all.map((s) => s.value)), (all) => isDeepStrictEqual(all, wanted));
  await chosen("#settings", [cameras[1], microphone, speaker]);
  await page.click("#settings-tool");
  await page.selectOption("#settings-cameras", cameras[2]);
  await eventually("the third camera in the call", own, (id) => id === cameras[2]);
  await page.keyboard.press("Escape");
  await page.click("#leave-tool");
  await page.click("text=Join again");
  await eventually("the third camera again", used, (id) => id === cameras[2]);
  await chosen("#lobby", [cameras[2], microphone, speaker]);
  await joinCall(page);
  await page.evaluate((gone) => {
    const { enumerateDevices, getUserMedia } = MediaDevices.prototype;
    MediaDevices.prototype.enumerateDevices = async function () { return (await enumerateDevices.call(this)).filter((d) => d.deviceId !== gone); };
    MediaDevices.prototype.getUserMedia = async function (wish) {
      if (wish.video?.deviceId?.exact === gone) throw new DOMException("gone", "OverconstrainedError");
      return getUserMedia.call(this, wish);
    };
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
    const [track] = document.querySelector("figure.own video").srcObject.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
  }, cameras[2]);
  await eventually("another camera", own, (id) => cameras.slice(0, 2).includes(id));
  await page.waitForSelector("figure.own:not(.without)");
});

/** The pitch in hertz that the first video plays. */
const pitchOf = (page) =>
  page.$eval("figure video", async (video) => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(video.srcObject).connect(analyser);
    await new Promise((resolve) => setTimeout(resolve, 300)); // of sound
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    await context.close();
    return bins[loudest] < -60 ? 0 : (loudest * context.sampleRate) / analyser.fftSize;
  });

/** Joins as a script does, which is no gesture, and says so when a picture plays beside the button that turns the sound on. */
function joinWithoutGesture() {
  const looking = setInterval(() => {
    document.querySelector("#lobby:not([hidden]) #join:not([disabled])")?.click();
    const video = document.querySelector("figure video");
    if (!video?.videoWidth || video.paused || document.getElementById("silenced").hidden) return;
    clearInterval(looking);
    console.log(`silent: ${JSON.stringify({ muted: video.muted, identity: participant.read(video).identity, gesture: navigator.userActivation.hasBeenActive })}`);
  }, 50);
}

test("where the browser plays no audio without a gesture, a viewer sees the picture and turns the sound on", async (t) => {
  const arn = await newStage();
  const ann = await web.page();
  t.after(() => ann.close());
  await ann.evaluate((token) => participant.publish(token, { identity: 4, width: 320, height: 180 }), await server.token(arn, "ann"));
  const bob = await web.page();
  t.after(() => bob.close());
  await bob.addInitScript(joinWithoutGesture);
  // What asks the page would count as a gesture: it tells by itself.
  const told = bob.waitForEvent("console", { predicate: (m) => m.text().startsWith("silent: "), timeout: 60_000 });
  await bob.goto(`${server.url}/stage/#${await server.token(arn, "bob", ["SUBSCRIBE"])}`);
  assert.deepEqual(JSON.parse((await told).text().slice(8)), { muted: true, identity: 4, gesture: false });
  await bob.click("#silenced");
  await bob.waitForSelector("#silenced", { state: "hidden" });
  await eventually("it plays", () => bob.$eval("figure video", (v) => !v.paused && !v.muted && v.volume === 1), Boolean);
  await eventually("Ann's tone", () => pitchOf(bob), (f) => Math.abs(f - 600) < 15);
});
