// The client of docs/protocol.md, which uses no package of Rostrum, holds a call.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { claims, eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const [, client] = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8").match(/```js\n(.*?)```/s);

/** A page on which the client is in a call. */
async function callPage(t, token, identity) {
  const page = await web.page();
  t.after(() => page.close());
  await page.evaluate(async ([source, k, i]) => {
    const call = new Function(`${source}; return call;`)();
    window.videos = {};
    const received = (id, stream) => {
      if (stream) document.body.append((videos[id] = Object.assign(document.createElement("video"), { srcObject: stream, autoplay: true })));
      else delete videos[id];
    };
    const stream = new MediaStream([participant.picture({ identity: i, width: 640, height: 360 }).track, await participant.tone(200 + 100 * i)]);
    window.leave = call(k, stream, received);
  }, [client, token, identity]);
  return page;
}

const sees = (page, id, identity) =>
  eventually(`picture ${identity}`, () => page.evaluate((i) => videos[i]?.videoWidth && participant.read(videos[i]), id), (s) => s?.identity === identity);

test("the client of docs/protocol.md has at most 60 lines, and holds a call that survives kill -9", async (t) => {
  const lines = client.trimEnd().split("\n");
  assert.ok(lines.length <= 60, `it has ${lines.length} lines`);
  assert.ok(lines.every((l) => l.length <= 120), "its lines are no longer than 120 characters");
  const { arn } = (await server.call("CreateStage", { name: "protocol" })).stage;
  const tokens = [await server.token(arn, "ann"), await server.token(arn, "bob")];
  const [ann, bob] = tokens.map((token) => claims(token).jti);
  const pages = await Promise.all(tokens.map((token, i) => callPage(t, token, i + 1)));
  await sees(pages[0], bob, 2);
  await sees(pages[1], ann, 1);
  await pages[0].evaluate((id) => (window.before = videos[id]), bob);
  await server.kill();
  await server.start();
  await eventually("the end of the former connection", () => pages[0].evaluate((id) => videos[id] !== before, bob), (ended) => ended);
  await sees(pages[0], bob, 2);
  await sees(pages[1], ann, 1);
  await pages[1].evaluate(() => leave());
  await eventually("the end of Bob's media", () => pages[0].evaluate(() => Object.keys(videos).length), (n) => n === 0);
});
