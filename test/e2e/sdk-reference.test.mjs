// A program that is written against the public reference of the service's web SDK, and
// type-checked against the package, holds a call.
import assert from "node:assert/strict";
import { test } from "node:test";

import { build } from "esbuild";

import { eventually, server, serverAndBrowser } from "./harness.mjs";
import { sdkPage } from "./sdk-page.mjs";
import { importKey } from "./signing.mjs";

serverAndBrowser();

/** The program as a script, with the SDK that the server serves. */
async function program() {
  const served = {
    name: "served",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^rostrum-sdk$/ }, ({ path }) => ({ path, namespace: "served" }));
      onLoad({ filter: /.*/, namespace: "served" }, () => ({ contents: "module.exports = globalThis.IVSBroadcastClient" }));
    },
  };
  const entry = new URL("../../web/sdk/test/reference.ts", import.meta.url).pathname;
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "iife", globalName: "Reference", plugins: [served], write: false, tsconfigRaw: {} });
  return outputFiles[0].text;
}

test("a program of the reference runs with another import", async (t) => {
  const key = await importKey();
  const { arn } = (await server.call("CreateStage", { name: "sdk-reference" })).stage;
  const script = await program();
  const pages = {};
  const tokens = {};
  for (const [identity, name] of [[1, "ann"], [2, "bob"]]) {
    const page = await sdkPage(t);
    await page.addScriptTag({ content: script });
    tokens[name] = key.participant(await server.token(arn, name), { iat: Math.floor(Date.now() / 1000) - 60 });
    const result = await page.evaluate(async ([token, connectionToken, i]) => {
      const options = { token, connectionToken, video: participant.picture({ identity: i }).track, audio: await participant.tone(200 + 100 * i) };
      window.program = new Reference.Application(options);
      return program.join();
    }, [tokens[name], name === "ann" ? key.connection(tokens[name]).token : undefined, identity]);
    assert.equal(result, "joined");
    pages[name] = page;
  }
  const { ann, bob } = pages;
  const log = (page) => page.evaluate(() => program.log);
  const logged = (page, line) => eventually(line, () => log(page), (all) => all.includes(line));

  await eventually("bob sees and hears ann", () => bob.evaluate(() => program.inspect("ann")), (s) => s.video > 20 && s.audio > 20 && s.report && s.participant === "ann");
  await eventually("ann sees and hears bob", () => ann.evaluate(() => program.inspect("bob")), (s) => s.video > 20 && s.audio > 20 && s.report);
  await eventually("three layers", () => bob.evaluate(() => program.inspect("ann")), (s) => s.layers === 3 && s.best === "hi");
  for (const line of ["connection up", "connected", "joined ann (local) 2", "publishes ann true", "subscribed bob", "adapting bob true"]) await logged(ann, line);

  await bob.evaluate(() => program.refresh({ preferred: "lowest" }));
  await logged(bob, "layer ann low");
  await ann.evaluate(() => program.say("hello"));
  await eventually("the quality of what is sent", () => ann.evaluate(() => program.quality()), (all) => all.length === 4 && all.some((s) => s.networkQuality === 4));
  await eventually("the message", () => bob.evaluate(() => program.messages), (all) => `${all}` === "ann: hello (16)");
  await ann.evaluate(() => program.mute(Reference.StreamType.AUDIO, true));
  await logged(bob, "mute ann audio true true");
  await ann.evaluate(() => program.replaceStrategy());
  await ann.evaluate((token) => program.stage.exchangeToken(token), key.participant(tokens.ann, { attributes: { name: "Anna" } }));
  await logged(bob, "metadata ann Anna");

  await bob.evaluate(() => program.refresh({ subscribing: Reference.SubscribeType.NONE }));
  await eventually("no streams", () => bob.evaluate(() => program.remote.get("ann").length), (n) => n === 0);
  await ann.evaluate(() => program.leave());
  assert.equal(await ann.evaluate(() => Reference.complete()), true);
  for (const [page, line] of [[ann, "listens false"], [ann, "own audio muted true"], [ann, "left"], [ann, "disconnected"], [ann, "connection disconnected"], [bob, "gone ann number"]]) await logged(page, line);
  assert.deepEqual((await log(ann)).concat(await log(bob)).filter((line) => line.startsWith("error")), []);

  const expired = await sdkPage(t);
  await expired.addScriptTag({ content: script });
  const refused = await expired.evaluate((token) => new Reference.Application({ token }).join(), key.participant(tokens.bob, { exp: 1000, iat: 900 }));
  assert.equal(refused, "refused 2 true");
});
