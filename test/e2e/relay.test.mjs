// Browsers that may reach nothing but the server's TURN.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

for (const transport of ["udp", "tcp"]) {
  test(`a call goes through TURN over ${transport}`, async () => {
    const { arn } = (await server.call("CreateStage", { name: `relay-${transport}` })).stage;
    const pages = await Promise.all([web.page(), web.page()]);
    const tokens = [await server.token(arn, "ann"), await server.token(arn, "bob", ["SUBSCRIBE"])];
    for (const [i, page] of pages.entries()) {
      const urls = await page.evaluate(([t, by]) => participant.relay(t, by), [tokens[i], transport]);
      assert.equal(urls.length, 1, `one server for ${transport}, not ${urls}`);
    }
    const { id } = await pages[0].evaluate((t) => participant.publish(t, { identity: 5 }), tokens[0]);
    const { firstPicture } = await pages[1].evaluate(([t, i]) => participant.subscribe(t, i), [tokens[1], id]);
    const seen = await eventually("a readable picture of the last moments", () => pages[1].evaluate((i) => participant.look(i), id), (s) => s.identity === 5 && s.latency !== null && s.latency < 1500);
    const local = await eventually("the way in use", () => pages[1].evaluate((i) => participant.way(i), id), (l) => l, 5);
    assert.equal(local?.candidateType, "relay", JSON.stringify(local));
    assert.equal(local?.relayProtocol, transport, JSON.stringify(local));
    console.log(`# TURN over ${transport}: first picture after ${Math.round(firstPicture)} ms, ${seen.latency} ms old`);
    await Promise.all(pages.map((p) => p.close()));
  });
}
