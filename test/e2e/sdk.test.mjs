// Applications on the browser SDK meet in a stage of the real server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";

import { eventually, server, serverAndBrowser, web } from "./harness.mjs";
import { call, leave, stageOf, testCalls } from "./sdk-call.mjs";
import { happens, joinPage, seesAndHears, sdkPage } from "./sdk-page.mjs";

serverAndBrowser();
testCalls();

test("a stage that is deleted, and a token that is used elsewhere, are left", async (t) => {
  const { arn, ann, bob } = await call(t, "sdk-left");
  const elsewhere = await sdkPage(t);
  const token = await bob.evaluate(() => app.stages.main.stage.token);
  await elsewhere.evaluate((k) => app.join("main", k, {}), token);
  await happens(bob, "stageLeft", ([reason]) => reason === "token-reused");
  await server.call("DeleteStage", { arn });
  await happens(ann, "stageLeft", ([reason]) => reason === "stage-deleted");
});

test("refusals have the codes of the reference", async (t) => {
  const arn = await stageOf("sdk-refusals");
  const page = await sdkPage(t);
  const joining = (token) => page.evaluate((k) => app.join("x", k).then(() => null, (e) => e.code), token);
  const good = await server.token(arn, "ann");
  assert.equal(await joining("nonsense"), 1);
  assert.equal(await joining(`${good}x`), 1);
  await server.call("DeleteStage", { arn });
  assert.equal(await joining(good), 9);
});

test("a page that is left ends its media and its socket", async (t) => {
  const { ann, bob } = await call(t, "sdk-close");
  const state = (event, user) => bob.evaluate(([e, u]) => app.events.findLast(({ event, payload: [who] }) => event === e && who === u)?.payload[1], [event, user]);
  const both = () => Promise.all([state("stageParticipantPublishStateChanged", "bob"), state("stageParticipantSubscribeStateChanged", "ann")]);
  await eventually("bob publishes and is subscribed", both, (states) => `${states}` === "published,subscribed");
  await bob.evaluate(() => {
    const { fetch } = window;
    window.fetch = (url, options) => {
      if (options.method === "DELETE" && options.keepalive) sessionStorage.setItem(url, "ended");
      return fetch(url, options);
    };
  });
  await bob.goto(bob.url());
  assert.equal(await bob.evaluate(() => sessionStorage.length), 2, "its publication and its subscription");
  await happens(ann, "stageParticipantLeft", ([who]) => who === "bob");
});

test("one page is on two stages, and shares a screen as a second participant", async (t) => {
  const [one, two] = [await stageOf("sdk-one"), await stageOf("sdk-two")];
  const watcher = await joinPage(t, await server.token(one, "watcher", ["SUBSCRIBE"]));
  const page = await sdkPage(t);
  await page.evaluate(([k]) => app.join("one", k, { media: { identity: 3 } }), [await server.token(one, "ann")]);
  await page.evaluate(([k]) => app.join("screen", k, { media: { identity: 4, width: 640, height: 360 }, subscribe: "NONE" }), [await server.token(one, "ann-screen")]);
  await page.evaluate(([k]) => app.join("two", k, { media: { identity: 5, width: 320, height: 180 } }), [await server.token(two, "ann")]);
  await seesAndHears(watcher, "ann", 3);
  await seesAndHears(watcher, "ann-screen", 4);
  const other = await joinPage(t, await server.token(two, "bob", ["SUBSCRIBE"]));
  await seesAndHears(other, "ann", 5);
  await leave(page, "screen");
  await happens(watcher, "stageParticipantLeft", ([who]) => who === "ann-screen");
  await seesAndHears(watcher, "ann", 3);
});

test("the example of the README is a call", async (t) => {
  const readme = readFileSync(new URL("../../web/sdk/README.md", import.meta.url), "utf8");
  const [, example] = readme.match(/```html\n(.*?)```/s);
  assert.ok(example.trimEnd().split("\n").length <= 20);
  const site = createServer((_, w) => w.setHeader("Content-Type", "text/html").end(`<!doctype html>${example.replace("http://127.0.0.1:7080", server.url)}`)).listen(0, "127.0.0.1");
  await once(site, "listening");
  t.after(() => site.close());
  const arn = await stageOf("sdk-readme");
  const pages = [];
  for (const name of ["ann", "bob"]) {
    const [page, token] = [await web.page(), await server.token(arn, name)];
    t.after(() => page.close());
    page.on("dialog", (dialog) => dialog.accept(token));
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    pages.push(page);
  }
  for (const page of pages) {
    await eventually("two pictures", () => page.$$eval("video", (all) => all.map((v) => v.getVideoPlaybackQuality().totalVideoFrames)), (all) => all.length === 2 && all.every((n) => n > 10));
  }
  await pages[0].close();
  await eventually("one picture", () => pages[1].$$eval("video", (all) => all.length), (n) => n === 1);
});
