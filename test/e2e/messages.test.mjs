// The page of a stage publishes and subscribes by messages of its events socket alone.
import assert from "node:assert/strict";
import { test } from "node:test";

import { faraway } from "./faraway.mjs";
import { eventually, freePort, joinCall, run, serve, server, serverAndBrowser, smallCamera, web } from "./harness.mjs";

serverAndBrowser();

/** Pictures shown of each participant but oneself, by name. */
const seen = (page) =>
  page.$$eval("figure:not(.own)", (all) =>
    Object.fromEntries(all.map((f) => [f.querySelector(".name").textContent, f.querySelector("video").getVideoPlaybackQuality().totalVideoFrames])),
  );

/** Opens the page of a stage, and notes its requests to WHIP and WHEP and the messages that it sends. */
async function open(t, url, token, prepare = () => {}) {
  const page = await web.page();
  t.after(() => page.close());
  const log = { whip: [], sent: [], refused: [] };
  page.on("request", (r) => r.url().includes("/whip") && log.whip.push(`${r.method()} ${r.url()}`));
  page.on("websocket", (socket) => {
    const asked = {};
    socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(payload);
      log.sent.push(message.type);
      asked[message.id] = message;
    });
    socket.on("framereceived", ({ payload }) => {
      const { type, id, payload: reply } = JSON.parse(payload);
      const request = asked[id];
      // A connection that a new one replaced may be gone before its END arrives.
      if (type === "REPLY" && reply.error && !(request.type === "END" && reply.error.status === 404)) log.refused.push({ request, error: reply.error });
    });
  });
  await page.addInitScript(smallCamera);
  await prepare(page);
  await page.goto(`${url}/stage/#${token}`);
  await joinCall(page);
  return { page, log };
}

const requests = (log) => log.sent.filter((type) => ["PUBLISH", "SUBSCRIBE", "END"].includes(type));

test("two pages call each other without a request to WHIP or WHEP", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "messages" })).stage;
  const ann = await open(t, server.url, await server.token(arn, "ann"));
  const bob = await open(t, server.url, await server.token(arn, "bob"));
  await eventually("bob sees ann", () => seen(bob.page), (n) => n.ann > 10);
  await eventually("ann sees bob", () => seen(ann.page), (n) => n.bob > 10);
  for (const { log } of [ann, bob]) assert.deepEqual(log.refused, []);
  for (const [name, { log }] of Object.entries({ ann, bob })) {
    assert.deepEqual(log.whip, [], `${name} asked WHIP or WHEP`);
    for (const type of ["PUBLISH", "SUBSCRIBE"]) assert.ok(log.sent.includes(type), `${name} sent ${log.sent}`);
  }
  await ann.page.click("#leave-tool");
  await eventually("ann's picture is gone", () => seen(bob.page), (n) => !("ann" in n));
  await eventually("ann ended her publication", () => requests(ann.log), (all) => all.includes("END"));
});

test("a page whose server knows no requests by message uses WHIP and WHEP", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "no-messages" })).stage;
  const publisher = run("publish", "--token", await server.token(arn, "ann", ["PUBLISH"]), "--size", "320x176");
  const { page, log } = await open(t, server.url, await server.token(arn, "bob", ["SUBSCRIBE"]), (page) =>
    page.addInitScript(() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = function (data) {
        if (!JSON.parse(data).id) send.call(this, data);
      };
    }),
  );
  await eventually("bob sees ann", () => seen(page), (n) => n.ann > 10);
  assert.deepEqual(log.whip.map((r) => r.split(" ")[0]), ["POST"]);
  await publisher.stop();
});

test("joining a stage far away takes fewer round trips by messages", async (t) => {
  const [delay, publishers] = [100, 6];
  const port = await freePort();
  const far = await serve("--public-url", `http://127.0.0.1:${port}`);
  t.after(() => far.stop());
  const proxy = await faraway(port, new URL(far.url).port, delay);
  t.after(() => proxy.close());
  const { arn } = (await far.call("CreateStage", { name: "faraway" })).stage;
  for (let n = 0; n < publishers; n++) {
    const token = await far.token(arn, `p${n}`, ["PUBLISH"]);
    const at = run("publish", "--whip", `${far.url}/whip`, "--bearer", token, "--size", "320x176", "--fps", "5");
    await eventually("it publishes", () => at.lines, (l) => l.some((line) => line.includes("publishing")));
  }
  const join = async (prepare) => {
    const before = proxy.connections();
    const { page, log } = await open(t, `http://127.0.0.1:${port}`, await far.token(arn, "viewer", ["SUBSCRIBE"]), async (page) => {
      await page.addInitScript(() => {
        globalThis.times = { answers: [] };
        const { setRemoteDescription, setLocalDescription } = RTCPeerConnection.prototype;
        RTCPeerConnection.prototype.setLocalDescription = function (...all) {
          times.began ??= performance.now();
          return setLocalDescription.apply(this, all);
        };
        RTCPeerConnection.prototype.setRemoteDescription = function (...all) {
          times.answers.push(performance.now() - times.began);
          return setRemoteDescription.apply(this, all);
        };
      });
      await prepare(page);
    });
    const { answers } = await eventually("all answers", () => page.evaluate(() => times), (s) => s.answers.length >= publishers);
    await page.close();
    return { last: Math.max(...answers), connections: proxy.connections() - before, requests: log.whip.length };
  };
  /** Has the SDK's socket send no requests, so that HTTP has to do at once. */
  const overHTTP = (page) =>
    page.route("**/sdk/rostrum.js", async (route) => {
      const answer = await route.fetch();
      const text = await answer.text();
      const without = text.replace(/(\brequest\(\w+\)\{)(let \w+=`\$\{\+\+this\.lastID\}`)/, "$1return Promise.resolve();$2");
      assert.notEqual(without, text, "the script has no such method");
      await route.fulfill({ response: answer, body: without });
    });
  const [http, messages] = [await join(overHTTP), await join(() => {})];
  t.diagnostic(`${publishers} publishers, round trip ${2 * delay} ms: by messages ${JSON.stringify(messages)}, over HTTP ${JSON.stringify(http)}`);
  assert.equal(messages.requests, 0);
  assert.ok(http.requests >= publishers);
  assert.ok(messages.connections <= http.connections, "messages opened more connections");
});
