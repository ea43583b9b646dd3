// What participants call themselves stays text, on whichever page it is shown.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, joinCall, run, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

for (const name of [`<img src=x onerror="window.pwned=1">`, `"><script>window.pwned=1</script>`, `<svg/onload=window.pwned=1>`]) {
  test(`a participant who is called ${name} is shown as that`, async (t) => {
    const { arn } = (await server.call("CreateStage", { name: "scripts" })).stage;
    const token = await server.token(arn, name);
    const publisher = run("publish", "--json", "--size", "320x180", "--video-bitrate", "200k", "--token", token);
    t.after(() => publisher.stop());
    const page = await web.page();
    t.after(() => page.close());
    const complaints = [];
    page.on("console", (m) => /Content Security Policy/.test(m.text()) && complaints.push(m.text()));
    await page.goto(`${server.url}/stage/#${await server.token(arn, "viewer", ["SUBSCRIBE"])}`);
    await joinCall(page);
    const shown = await eventually("its tile", () => page.$$eval("figcaption .name", (all) => all.map((n) => n.textContent)), (all) => all.length === 1);
    await eventually("its picture", () => page.$$eval("figure video", (all) => all[0]?.getVideoPlaybackQuality().totalVideoFrames), (n) => n > 15);
    assert.deepEqual(shown, [name]);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.$$eval("main img, main script, .name *, .name + svg[onload], #people-list .name *", (all) => all.length), 0);
    assert.deepEqual(complaints, [], "nothing even tried to run");
  });
}
