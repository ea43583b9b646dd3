// A browser may offer more than a stage uses. What is refused must not break what is not.
import assert from "node:assert/strict";
import { test } from "node:test";

import { claims, eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

test("Chromium publishes and receives although a stage refuses a part of its media", async (t) => {
  const { arn } = (await server.call("CreateStage", {})).stage;
  const page = await web.page();
  t.after(() => page.close());
  const token = await server.token(arn, "ann");
  const { jti: id } = claims(token);
  await page.evaluate((k) => participant.publish(k, { more: true }), token);
  await page.evaluate(([k, i]) => participant.subscribe(k, i, true), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
  const seen = await eventually("a picture", () => page.evaluate((i) => participant.look(i), id), (s) => s.width > 0);
  assert.ok(seen.height > 0);
  await eventually("sound", () => page.evaluate((i) => participant.received(i), id), (s) => s.some((x) => x.kind === "audio" && x.packetsReceived > 50));
});
