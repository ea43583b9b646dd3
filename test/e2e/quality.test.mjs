// Why a picture froze: a viewer's network is cut for some seconds, and somebody who has never
// seen the console finds the cause there with the mouse alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { consoleViolations } from "./axe.mjs";
import { firewall, mayBlock } from "./firewall.mjs";
import { eventually, joinCall, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

/** Keeps the server's media from all who watch, for some milliseconds. */
async function cut(t, ms) {
  const rules = ["udp", "tcp"].map((protocol) => ["OUTPUT", "-p", protocol, "--sport", `${server.media}`, "-j", "DROP"]);
  const mend = () => rules.splice(0).forEach((rule) => firewall("-D", ...rule));
  t.after(mend);
  for (const rule of rules) firewall("-I", ...rule);
  await pause(ms);
  mend();
}

/** What the page of a stage has seen of its only publisher. */
const seen = (page) => page.evaluate(() => document.querySelector("figure:not(.own) video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0);

test("with the mouse alone it is found why a picture froze", { skip: mayBlock() ? false : "cutting the network needs iptables and root" }, async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "town-hall" })).stage;
  const publisher = await web.page();
  await publisher.evaluate((k) => participant.publish(k, { identity: 4, width: 640, height: 360 }), await server.token(arn, "ann"));
  const viewer = await web.page();
  await viewer.goto(`${server.url}/stage/#${await server.token(arn, "bob", ["SUBSCRIBE"])}`);
  await joinCall(viewer);
  await eventually("pictures", () => seen(viewer), (n) => n > 60);
  await cut(t, 4000);
  const before = await seen(viewer);
  await eventually("pictures again", () => seen(viewer), (n) => n > before + 60);

  const page = await web.page({ viewport: { width: 1280, height: 800 } });
  await page.goto(server.log.join("\n").match(/\S+\/console\/#sign-in=\w+/)[0]);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("link", { name: "Stages", exact: true }).first().click();
  await page.getByRole("link", { name: "town-hall" }).click();
  await page.getByRole("tab", { name: "Sessions" }).click();
  await page.getByRole("link", { name: /^st-/ }).first().click();
  await page.getByRole("link", { name: "bob" }).first().click();
  // A path that carries nothing for a while loses packets, and is estimated to be narrow.
  const network = /The network lost up to .+ from the server to the participant|The path from the server to the participant is too narrow/;
  const froze = page.locator(".timeline li", { hasText: /The video froze for \d/ }).filter({ hasText: network }).first();
  await froze.waitFor();
  await froze.getByRole("button").click();
  await page.getByRole("button", { name: "All that is shown" }).waitFor();
  await page.getByText(new RegExp(`^Between .+: (${network.source})`)).waitFor();
  for (const [look, width] of [["desktop", 1280], ["phone", 390]]) {
    await page.setViewportSize({ width, height: 800 });
    await eventually(`${look}: it is no wider than the window`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), Boolean);
    assert.deepEqual(await consoleViolations(page), []);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-froze-${look}.png`, fullPage: true });
  }
});
