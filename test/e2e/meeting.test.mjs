// A call on the page of a stage, as its users have it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { expectAccessible } from "./axe.mjs";
import { firewall, mayBlock } from "./firewall.mjs";
import { bestOf, browseTabs, claims, eventually, joinCall, run, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const newStage = async () => (await server.call("CreateStage", { name: "meeting" })).stage.arn;

/** Gives the page a camera, a microphone and a screen that can be recognised at the other end. */
function devices({ identity, width = 320, height = 180, fps }) {
  navigator.mediaDevices.getUserMedia = async ({ video }) => new MediaStream([video ? participant.picture({ identity, width, height, fps }).track : await participant.tone(440)]);
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([participant.picture({ identity: 10 * identity, width: 640, height: 360 }).track]);
}

/** Opens the page by a link, with a camera of its own. */
async function open(t, fragment, camera, options) {
  const page = await web.page(options);
  t.after(() => page.close());
  await page.addInitScript(devices, camera);
  await page.goto(`${server.url}/stage/#${fragment}`);
  return page;
}

async function join(t, fragment, camera, options) {
  const page = await open(t, fragment, camera, options);
  await joinCall(page);
  return page;
}

const tileOf = (name) => `figure:has(.name:text-is("${name}"))`;

/** Waits until the tile of somebody shows the picture of this identity. */
const shows = (page, name, identity) =>
  eventually(`${name} with the picture ${identity}`, () => page.locator(`${tileOf(name)} video`).evaluateAll(([video]) => (video?.videoWidth ? participant.read(video) : {})), (s) => s.identity === identity);

test("two tabs hold a call: pictures, mute, statistics, spotlight, leave", async (t) => {
  const arn = await newStage();
  const token = await server.token(arn, "ann");
  const ann = await open(t, token, { identity: 1 });
  const said = [];
  ann.on("console", (m) => said.push(m.text()));
  await ann.waitForSelector("#stage-set:not(.without)");
  await eventually("the microphone's level", () => ann.$eval("#level", (l) => Number(l.style.getPropertyValue("--level"))), (level) => level > 0.2);
  await joinCall(ann);
  await ann.waitForSelector("#alone:has-text('You are the only one here')");
  const bob = await join(t, await server.token(arn, "bob"), { identity: 2 });
  await Promise.all([shows(bob, "ann", 1), shows(ann, "bob", 2), ann.waitForSelector(`${tileOf("bob")} .microphone:not(.off)`)]);
  await bob.click("#microphone-tool"); // of two who are equally loud the first one remains the speaker
  await bob.waitForSelector(`${tileOf("ann")}.speaking`);
  await bob.click("#microphone-tool");
  assert.equal(await ann.isVisible("#alone"), false);

  await ann.click("#microphone-tool");
  await bob.waitForSelector(`${tileOf("ann")} .microphone.off`);
  await ann.click("#camera-tool");
  await bob.waitForSelector(`${tileOf("ann")} .note:text-is("Camera off")`);
  await bob.waitForSelector(`${tileOf("ann")} .picture > .cover`, { state: "visible" });
  await ann.keyboard.press("Control+d");
  await ann.keyboard.press("Control+e");
  await bob.waitForSelector(`${tileOf("ann")} .microphone:not(.off)`);
  await shows(bob, "ann", 1);

  await bob.click("#settings-tool");
  await bob.check("#statistics");
  await bob.evaluate(() => {
    window.own = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("none", "NotFoundError"); };
  });
  await bob.locator("#settings select[data-device=camera]").dispatchEvent("change");
  await bob.click(".toast:has-text('No camera was found') .close");
  await bob.evaluate(() => (navigator.mediaDevices.getUserMedia = window.own));
  await bob.keyboard.press("Escape");
  await bob.waitForSelector(`${tileOf("ann")} .figures:has-text("320×180")`);
  await bob.hover(tileOf("ann"));
  await bob.click(`${tileOf("ann")} .pin`);
  await bob.waitForSelector(`${tileOf("ann")}.spot`);
  assert.equal(await bob.textContent("#layout-tool .label"), "Grid");

  await bob.click("#settings-tool");
  await bob.selectOption("#receive", "audio");
  await bob.keyboard.press("Escape");
  await bob.click("#leave-tool");
  await bob.click("text=Join again");
  await joinCall(bob);
  await bob.waitForSelector(`${tileOf("ann")} .note:text-is("Video is turned off in your settings")`);

  const kept = await ann.evaluate(() => JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie]));
  for (const place of [kept, ...said, ...server.log]) assert.ok(!place.includes(token), `the token is in ${place}`);
  await ann.click("#leave-tool");
  await ann.waitForSelector("#ended h1:text-is('You left the stage')");
  await bob.waitForSelector(tileOf("ann"), { state: "detached" });
  await bob.waitForSelector("#happened:text-is('ann left')", { state: "attached" });
});

test("a shared screen is a participant of its own, or takes the place of the camera", async (t) => {
  const arn = await newStage();
  const token = await server.token(arn, "bob", ["SUBSCRIBE"]);
  const bob = await join(t, token, { identity: 2 });
  assert.equal(await bob.isVisible("#microphone-tool"), false);
  await bob.evaluate(() => (navigator.mediaDevices.getUserMedia = async () => (window.opened = true, new MediaStream())));
  await bob.keyboard.press("Control+d");
  assert.equal(await bob.evaluate(() => window.opened), undefined, "a key acts on a hidden button");
  const ann = await join(t, `${await server.token(arn, "ann")}&screen=${await server.token(arn, "ann’s screen", ["PUBLISH"])}`, { identity: 1 });
  await ann.click("#screen-tool");
  await Promise.all([shows(bob, "ann", 1), shows(bob, "ann’s screen", 10), shows(ann, "Your screen", 10)]);
  assert.equal(await ann.locator("figure").count(), 2);
  await ann.click("#screen-tool");
  await bob.waitForSelector(tileOf("ann’s screen"), { state: "detached" });
  await ann.click("#leave-tool");

  const eve = await join(t, await server.token(arn, "eve"), { identity: 3 });
  await shows(bob, "eve", 3);
  await eve.click("#screen-tool");
  await eve.click("text=Choose what to share");
  await shows(bob, "eve", 30);
  assert.ok(await eve.isDisabled("#camera-tool"));
  await eve.click("#screen-tool");
  await shows(bob, "eve", 3);

  await eve.evaluate(() => {
    const { promise, resolve } = Promise.withResolvers();
    const { track } = participant.picture({ identity: 30, width: 64, height: 36 });
    Object.assign(window, { asked: 0, track, choose: () => resolve(new MediaStream([track])) });
    navigator.mediaDevices.getDisplayMedia = () => (window.asked++, promise);
  });
  for (let i = 0; i < 2; i++) {
    await eve.click("#screen-tool");
    await eve.fill("#screen-token", token);
    await eve.click("text=Choose what to share");
    await eve.waitForSelector(".toast:has-text('does not allow publishing')");
    await eve.fill("#screen-token", "");
    await eve.click("text=Choose what to share");
  }
  await eve.click("#leave-tool");
  await eve.waitForSelector("#ended:not([hidden])");
  await eve.evaluate(() => window.choose());
  await eve.waitForFunction(() => window.track.readyState === "ended");
  assert.equal(await eve.evaluate(() => window.asked), 1, "one screen at a time");
});

test("a link passes on the invitations that came with it", async (t) => {
  const arn = await newStage();
  const ann = await join(t, `${await server.token(arn, "ann")}&invite=${await server.token(arn, "bob")}&stage=Team`, { identity: 1 }, { permissions: ["clipboard-read", "clipboard-write"] });
  assert.equal(await ann.textContent("#call h1"), "Team");
  await ann.click("text=Invite somebody");
  await ann.click("#invitations li:has-text('bob') button");
  await ann.waitForSelector(".toast:has-text('The link is copied')");
  const link = new URL(await ann.evaluate(() => navigator.clipboard.readText()));
  const bob = await join(t, link.hash.slice(1), { identity: 2 });
  assert.equal(await bob.textContent("#call h1"), "Team");
  await shows(ann, "bob", 2);
});

/** Cuts the server off its network, as a cable that is pulled: sockets break at once, media fall silent. Returns what mends it. */
function cutNetwork() {
  const ports = [["tcp", new URL(server.url).port, "REJECT", "--reject-with", "tcp-reset"], ["udp", server.media, "DROP"], ["tcp", server.media, "DROP"]];
  const rules = ports.flatMap(([protocol, port, ...target]) => ["--sport", "--dport"].map((side) => ["OUTPUT", "-p", protocol, side, `${port}`, "-j", ...target]));
  for (const rule of rules) firewall("-I", ...rule);
  return () => rules.splice(0).forEach((rule) => firewall("-D", ...rule));
}

test("a call comes back by itself after a cut of the network and a kill of the server, or offers to join again", async (t) => {
  const arn = await newStage();
  const ann = await join(t, await server.token(arn, "ann"), { identity: 1 });
  const bob = await join(t, await server.token(arn, "bob"), { identity: 2 });
  const pages = [ann, bob];
  const bothSee = () => Promise.all([shows(ann, "bob", 2), shows(bob, "ann", 1), ...pages.map((page) => page.waitForSelector("#reconnecting", { state: "hidden" }))]);
  await bothSee();
  for (const page of pages) {
    await page.evaluate(() => {
      window.maxTiles = 0;
      new MutationObserver(() => (window.maxTiles = Math.max(window.maxTiles, document.querySelectorAll("figure").length))).observe(document.getElementById("tiles"), { childList: true });
    });
  }
  const sameTiles = async () => {
    const names = (page) => page.$$eval("figure .name", (all) => all.map((e) => e.textContent));
    await eventually("Ann's tiles", () => names(ann), (all) => `${all}` === "bob,ann (you)");
    await eventually("Bob's tiles", () => names(bob), (all) => `${all}` === "ann,bob (you)");
    for (const page of pages) assert.ok((await page.evaluate(() => window.maxTiles)) <= 2, "a tile was there twice");
  };
  const broke = () => Promise.all(pages.map((page) => page.waitForSelector("#reconnecting:has-text('Reconnecting')")));

  if (mayBlock()) {
    const mend = cutNetwork();
    t.after(mend);
    await Promise.all([broke(), ann.waitForSelector(`${tileOf("bob")} .note:text-is("Reconnecting …")`), bob.waitForSelector(`${tileOf("ann")} .note:text-is("Reconnecting …")`)]);
    mend();
    await bothSee();
    await sameTiles();
  }

  await server.kill(); // Bob waits, and Ann's time runs out
  await broke();
  await ann.evaluate(() => {
    const { now } = performance;
    const from = now.call(performance);
    performance.now = () => from + 30 * (now.call(performance) - from); // time passes quickly
  });
  await ann.waitForSelector("#ended h1:text-is('The connection was lost')");
  await ann.waitForSelector("#ended-text:has-text('The server can not be reached. Check your network, and join again.')");
  await server.start();
  await bob.waitForSelector("#reconnecting", { state: "hidden" }); // by itself, although Ann is not there yet
  await ann.click("#ways button:text-is('Join again')");
  await joinCall(ann);
  await bothSee();
  await sameTiles();
});

test("the layer of a picture can be chosen", async (t) => {
  const arn = await newStage();
  await join(t, await server.token(arn, "ann"), { identity: 1, width: 1280, height: 720, fps: 15 });
  const bob = await join(t, await server.token(arn, "bob", ["SUBSCRIBE"]), { identity: 2 });
  const width = () => bob.$eval("figure video", (v) => v.videoWidth);
  await bob.click("#layout-tool");
  await bestOf(2, async () => { // a busy browser sends all layers smaller: their order is sure once it has settled
    let smaller = 0;
    for (const [layer, widest] of [["low", 320], ["mid", 640]]) {
      await bob.locator(`.layers option[value=${layer}]`).waitFor({ state: "attached" });
      await bob.selectOption(".layers", layer);
      smaller = await eventually(`the layer ${layer}`, width, (w) => w > smaller && w <= widest);
    }
  });
  await inTheBackground(t, await server.token(arn, "carol", ["SUBSCRIBE"]));
});

/** Looks at a publisher of several layers from a page that goes to the background, and comes back. */
async function inTheBackground(t, token) {
  const browser = await browseTabs();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${server.url}/stage/#${token}`);
  await page.waitForSelector("#join:not([disabled])");
  await page.click("#join");
  await page.waitForSelector("figure .layers:not([hidden])");
  const layers = () => page.$$eval(".layers option", (all) => all.map((o) => parseInt(o.textContent.replace(/^Auto \(/, ""))));
  const receives = (what, matches) => eventually(what, layers, ([current, ...all]) => matches(current, Math.min(...all)));
  await receives("a larger layer", (current, smallest) => current > smallest);
  const other = await browser.newPage();
  await page.waitForFunction(() => document.hidden, { polling: 200 });
  await receives("the smallest layer in the background", (current, smallest) => current === smallest);
  const time = () => page.$eval("figure video", (v) => ({ paused: v.paused, at: v.currentTime }));
  const before = await time();
  await eventually("audio goes on in the background", time, ({ paused, at }) => !paused && at > before.at + 1);
  await other.close();
  await page.bringToFront();
  await receives("a larger layer in front", (current, smallest) => current > smallest);
}

test("pictures fit any window whole, and nothing is on top of them", async (t) => {
  const arn = await newStage();
  const publishers = ["ada", "alan", "grace"].map(async (name) => run("publish", "--size", "320x180", "--fps", "10", "--token", await server.token(arn, name)));
  t.after(async () => Promise.all((await Promise.all(publishers)).map((p) => p.stop())));
  const page = await join(t, await server.token(arn, "ann"), { identity: 1 });
  await eventually("four pictures", () => page.$$eval("figure video", (all) => all.filter((v) => v.videoWidth).length), (n) => n === 4);
  await page.emulateMedia({ reducedMotion: "reduce" });
  for (const layout of ["Grid", "Spotlight"]) {
    if (layout === "Spotlight") await page.click("#layout-tool");
    for (const [width, height] of [[1600, 900], [1024, 1366], [390, 780], [780, 360], [320, 560]]) {
      await page.setViewportSize({ width, height });
      const what = `${layout} of ${width}x${height}`;
      const boxes = () => page.$$eval("#tiles, figure, #toolbar", (all) => all.map((e) => e.getBoundingClientRect().toJSON()));
      const area = (b) => b.width * b.height;
      const fits = ([space, ...all]) => all.every((b) => b.left >= -1 && b.right <= width + 1 && b.bottom <= height + 1) && space.bottom <= height && Math.max(...all.slice(0, -1).map(area)) > 0.12 * area(space);
      const [, ...rest] = await eventually(`${what}: all within, and the largest tile is large`, boxes, fits);
      for (const [i, a] of rest.entries()) {
        for (const b of rest.slice(i + 1)) assert.ok(a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1, `${what}: ${JSON.stringify([a, b])} overlap`);
      }
    }
  }
  await page.setViewportSize({ width: 640, height: 280 });
  const tools = () => page.$$eval("#toolbar .tool", (all) => all.map((e) => e.getBoundingClientRect().toJSON()));
  await eventually("a whole toolbar in a low window", tools, (all) => all.every(({ top, bottom, right }) => top >= 0 && bottom <= 280 && right <= 640));
});

/** What of the page is too small to hit with a finger: lower or narrower than 44 pixels. */
const smallTargets = (page) =>
  page.$$eval("button, select, textarea, summary, a.button", (all) =>
    all.filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })).map((e) => [e.id || e.className || e.textContent, e.getBoundingClientRect()]).filter(([, { width, height }]) => width > 0 && Math.min(width, height) < 43.5).map(([what, { width, height }]) => `${what}: ${width}x${height}`));

const looks = {
  "desktop-light": { viewport: { width: 1280, height: 720 }, colorScheme: "light" },
  "portrait-dark": { viewport: { width: 390, height: 780 }, colorScheme: "dark", isMobile: true, hasTouch: true },
  ...(process.env.SCREENSHOTS && {
    "desktop-dark": { viewport: { width: 1280, height: 720 }, colorScheme: "dark" },
    "portrait-light": { viewport: { width: 390, height: 780 }, colorScheme: "light", isMobile: true, hasTouch: true },
    "landscape-light": { viewport: { width: 780, height: 360 }, colorScheme: "light", isMobile: true, hasTouch: true },
  }),
};

for (const [look, options] of Object.entries(looks)) {
  test(`each state of the page is accessible: ${look}`, async (t) => {
    const arn = await newStage();
    const publisher = run("publish", "--size", "320x180", "--fps", "10", "--token", await server.token(arn, "Grace Hopper"));
    t.after(() => publisher.stop());
    const token = await server.token(arn, "Ann Smith");
    const page = await open(t, "", { identity: 1 }, { ...options, reducedMotion: "reduce" });
    const check = async (state) => {
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/meeting-${state}-${look}.png` });
      await expectAccessible(page, state);
      await page.emulateMedia({ colorScheme: options.colorScheme === "dark" ? "light" : "dark" });
      await expectAccessible(page, `${state} in the other colours`);
      await page.emulateMedia({ colorScheme: options.colorScheme });
      if (!options.hasTouch) return;
      for (const viewport of [{ width: 780, height: 360 }, options.viewport]) {
        await page.setViewportSize(viewport);
        assert.deepEqual(await smallTargets(page), [], `${state} in ${viewport.width}x${viewport.height}: too small for a finger`);
        if (viewport !== options.viewport) await expectAccessible(page, `${state} in ${viewport.width}x${viewport.height}`);
      }
    };
    const dialog = async (state, tool) => {
      await page.click(tool);
      await page.waitForSelector(`#${state}[open]`);
      await check(state);
      await page.keyboard.press("Escape");
    };
    await page.waitForSelector("#enter:not([hidden])");
    await check("enter");
    await page.fill("#token", `${token}&invite=${await server.token(arn, `Bob ${"o".repeat(80)}`)}&stage=Team meeting`);
    await page.click("text=Continue");
    await page.waitForSelector("#stage-set:not(.without)");
    await check("lobby");
    await joinCall(page);
    await shows(page, "Ann Smith (you)", 1);
    await eventually("the other's picture", () => page.$eval("figure video", (v) => v.videoWidth), (w) => w > 0);
    await check("grid");
    await page.click("#people-tool");
    await check("people");
    assert.ok(await page.$eval("#people", (dialog) => dialog.scrollWidth <= dialog.clientWidth), "a long name widens the dialog");
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await page.click("#invitations button");
    assert.match(await page.inputValue("#invitations input"), /#.*&stage=Team%20meeting$/);
    assert.ok(await page.$eval("#invitations input", (e) => e === document.activeElement && e.selectionEnd - e.selectionStart === e.value.length), "the link has not the focus and is not selected");
    await page.$eval("#people", (dialog) => dialog.scrollTo(0, dialog.scrollHeight));
    const [last, told] = await page.$$eval("#invitations input, .toast", (all) => all.map((e) => e.getBoundingClientRect().toJSON()));
    assert.ok(last.bottom <= told.top + 1, `what is told covers the last item: ${JSON.stringify([last, told])}`);
    await check("copy");
    await page.keyboard.press("Escape");
    await dialog("settings", "#settings-tool");
    await dialog("share", "#screen-tool");
    await page.click("#settings-tool");
    await page.check("#statistics");
    await page.click("#settings .close");
    await page.click("#layout-tool");
    await page.click("#microphone-tool");
    await page.click("#camera-tool");
    await page.waitForSelector(`.figures:has-text("fps")`);
    await page.evaluate(() => ["reconnecting", "silenced"].forEach((id) => (document.getElementById(id).hidden = false)));
    await check("spotlight");
    await page.evaluate(() => ["reconnecting", "silenced"].forEach((id) => (document.getElementById(id).hidden = true)));
    await publisher.stop();
    await page.waitForSelector("#alone:not([hidden])");
    await check("alone");
    await server.call("DisconnectParticipant", { stageArn: arn, participantId: claims(token).jti, reason: "the talk is over" });
    await page.waitForSelector("#ended:not([hidden])");
    await check("ended");
  });
}
