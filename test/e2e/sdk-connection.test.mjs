// Tokens that an application signs itself, on the browser SDK: their exchange, and
// several stages on one connection.
import assert from "node:assert/strict";
import { test } from "node:test";

import { boto3, python } from "./boto3.mjs";
import { eventually, server, serverAndBrowser } from "./harness.mjs";
import { count, happens, joinPage, seesAndHears, sdkPage } from "./sdk-page.mjs";
import { importKey } from "./signing.mjs";

serverAndBrowser();

let imported;
const signing = () => (imported ??= importKey());

const stageOf = async (name) => (await server.call("CreateStage", { name })).stage.arn;

test("an exchanged token changes attributes and rights while the call goes on", async (t) => {
  const [arn, key] = [await stageOf("sdk-exchange"), await signing()];
  const original = key.participant(await server.token(arn, "ann"), { iat: Math.floor(Date.now() / 1000) - 60 });
  const ann = await joinPage(t, original, { media: { identity: 1 } });
  const bob = await joinPage(t, await server.token(arn, "bob", ["SUBSCRIBE"]));
  await seesAndHears(bob, "ann", 1);
  const exchange = (changes) => ann.evaluate((k) => app.stages.main.stage.exchangeToken(k), key.participant(original, changes));

  await exchange({ attributes: { name: "Anna" }, iat: Math.floor(Date.now() / 1000) - 50 });
  await happens(bob, "stageParticipantMetadataChanged", ([who]) => who === "ann");
  assert.deepEqual(await bob.evaluate(() => app.stages.main.stage.participants[1].attributes), { name: "Anna" });
  await seesAndHears(bob, "ann", 1);

  const earlier = await count(bob);
  await exchange({ capabilities: { allow_subscribe: true }, iat: Math.floor(Date.now() / 1000) - 40 });
  await happens(bob, "stageParticipantPublishStateChanged", ([who, state]) => who === "ann" && state === "not_published", earlier);
  await exchange({ capabilities: { allow_publish: true, allow_subscribe: true }, iat: Math.floor(Date.now() / 1000) - 30 });
  await seesAndHears(bob, "ann", 1);

  const refused = await ann.evaluate((k) => app.stages.main.stage.exchangeToken(k).then(() => null, (e) => e.message), key.participant(original, { exp: 1000 }));
  assert.ok(refused);
  await happens(ann, "stageLeft", ([reason]) => reason === "failed-exchange");
});

/** A page with a connection, and what joins stages on it. */
async function connectedPage(t, names) {
  const tokens = {};
  const arns = {};
  for (const name of names) {
    arns[name] = await stageOf(`sdk-${name}`);
    tokens[name] = await server.token(arns[name], "ann");
  }
  const { token, id } = (await signing()).connection(Object.values(tokens)[0]);
  const page = await sdkPage(t);
  await page.evaluate((k) => {
    app.connection = new IVSBroadcastClient.RealTimeConnection(k);
    app.states = [];
    app.connection.on("stateChanged", (state, error) => app.states.push(error ? [state, error.code, error.details] : [state]));
  }, token);
  for (const [i, name] of names.entries()) {
    await page.evaluate(([n, k, identity]) => app.join(n, k, { media: { identity, width: 320, height: 180 }, connection: true }), [name, tokens[name], i + 1]);
  }
  return { page, arns, id };
}

/** Records the messages of the page's open socket from now on, in their order. */
const recordMessages = (page) =>
  page.evaluate(() => {
    app.messages = [];
    const sockets = new Set();
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
      app.messages.push(JSON.parse(data).type);
      if (!sockets.has(this)) this.addEventListener("message", (event) => app.messages.push(JSON.parse(event.data).type));
      sockets.add(this);
      return send.call(this, data);
    };
  });

test("two stages share one connection, which leaves them together and can be used again", async (t) => {
  const { page, arns } = await connectedPage(t, ["red", "blue"]);
  const sockets = await page.evaluate(() => performance.getEntriesByType("resource").length >= 0 && app.states);
  assert.deepEqual(sockets, [["connecting"], ["connected"]]);
  const watchers = [];
  for (const [i, name] of ["red", "blue"].entries()) {
    const watcher = await joinPage(t, await server.token(arns[name], "watcher"), { media: { identity: 7 + i, width: 320, height: 180 } });
    watchers.push(watcher);
    await seesAndHears(watcher, "ann", i + 1);
    await seesAndHears(page, "watcher", 7 + i, name);
  }
  const elsewhere = await count(page);
  await page.evaluate(() => app.stages.red.stage.leave());
  await happens(watchers[0], "stageParticipantLeft", ([who]) => who === "ann");
  await seesAndHears(page, "watcher", 8, "blue");
  assert.ok(!(await page.evaluate(() => app.events)).slice(elsewhere).some((e) => e.stage === "blue" && e.event === "stageConnectionStateChanged"));

  await recordMessages(page);
  await page.evaluate(() => app.stages.red.stage.join());
  await seesAndHears(page, "watcher", 7, "red");
  const sent = (await page.evaluate(() => app.messages)).filter((type) => ["ATTACH", "SUBSCRIBE"].includes(type));
  assert.deepEqual(sent.slice(0, 3), ["ATTACH", "SUBSCRIBE", "SUBSCRIBE"]); // more follow if the media connection is tried again
  await page.evaluate(() => app.stages.red.stage.leave());

  await page.evaluate(() => app.connection.disconnect());
  await happens(page, "stageLeft", ([reason]) => reason === "real-time-connection-forced-leave");
  await happens(watchers[1], "stageParticipantLeft", ([who]) => who === "ann");
  await page.evaluate(() => app.stages.red.stage.join());
  await seesAndHears(watchers[0], "ann", 1);
  assert.deepEqual(await page.evaluate(() => app.states), [["connecting"], ["connected"], ["disconnected"], ["connecting"], ["connected"]]);
});

test("a connection that breaks carries its stages again", async (t) => {
  const { page, arns } = await connectedPage(t, ["one", "two"]);
  const watcher = await joinPage(t, await server.token(arns.two, "watcher", ["SUBSCRIBE"]));
  await seesAndHears(watcher, "ann", 2);
  await server.kill();
  await server.start();
  await eventually("the connection", () => page.evaluate(() => app.states.flat()), (all) => all.filter((s) => s === "connected").length >= 2);
  await eventually("both stages", () => page.evaluate(() => Object.values(app.stages).map((s) => s.stage.connectionState)), (all) => all.every((s) => s === "connected"));
  await seesAndHears(watcher, "ann", 2);
});

test("a revoked connection token leaves all stages, and says so", { skip: python ? false : "boto3 is not installed" }, async (t) => {
  const { page, id } = await connectedPage(t, ["three", "four"]);
  await boto3(t)("RevokeConnectionToken", { tokenId: id });
  await eventually("both stages are left", () => page.evaluate(() => app.events.filter((e) => e.event === "stageLeft").map((e) => e.payload[0])), (all) => all.length === 2 && all.every((r) => r === "real-time-connection-token-revocation"));
  assert.deepEqual((await page.evaluate(() => app.states)).at(-1), ["disconnected", 1306, "TOKEN_REVOKED"]);
});
