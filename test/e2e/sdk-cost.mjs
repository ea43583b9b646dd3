// Measures what the browser SDK costs beside the same in bare WebRTC, for docs/performance.md:
// make bench-sdk. It is no test: it holds no bound.
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { faraway } from "./faraway.mjs";
import { bestOf, claims, eventually, freePort, run, serve, server, serverAndBrowser } from "./harness.mjs";
import { sdkPage } from "./sdk-page.mjs";
import { importKey } from "./signing.mjs";

const rounds = Number(process.env.ROUNDS ?? 4);
const seconds = Number(process.env.SECONDS ?? 15);

const median = (all) => all.toSorted((a, b) => a - b)[all.length >> 1];
const summary = (all, digits = 0) => `median ${median(all).toFixed(digits)}, ${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)}`;

/** A stage with publishers; it returns what makes tokens of viewers, and the publishers' ids. */
async function publish(on, name, count, ...flags) {
  const { arn } = (await on.call("CreateStage", { name })).stage;
  const ids = [];
  for (let n = 0; n < count; n++) {
    const token = await on.token(arn, `${name}-${n}`, ["PUBLISH"]);
    ids.push(claims(token).jti);
    const publisher = run("publish", "--whip", `${on.url}/whip`, "--bearer", token, "--fps", "30", ...flags);
    await eventually("it publishes", () => publisher.lines, (l) => l.some((line) => line.includes("publishing")));
  }
  return { ids, viewer: () => on.token(arn, "viewer", ["SUBSCRIBE"]) };
}

/** Joins by the SDK and waits for the first picture of each publisher; returns how long the first one took. */
const joinSDK = async (page, token, options = {}, publishers = 1) => {
  const took = await page.evaluate(async ([k, o]) => {
    const began = performance.now();
    const first = new Promise((resolve) => {
      const look = setInterval(() => {
        for (const video of document.querySelectorAll("video")) {
          clearInterval(look);
          if (video.getVideoPlaybackQuality().totalVideoFrames > 0) resolve(performance.now());
          else video.requestVideoFrameCallback(() => resolve(performance.now()));
        }
      }, 2);
    });
    await app.join("main", k, o);
    return (await first) - began;
  }, [token, options]);
  await eventually("all pictures", () => page.$$eval("video", (all) => all.filter((v) => v.videoWidth).length), (n) => n >= publishers);
  return took;
};

const joinBare = (page, token, ids) => page.evaluate(async ([k, all]) => Math.min(...(await Promise.all(all.map((id) => participant.subscribe(k, id)))).map((s) => s.firstPicture)), [token, ids]);

/** How many frames a page has decoded. */
const decoded = (page) =>
  page.evaluate(async () => {
    const reports = await Promise.all([
      ...Object.values(app.stages.main?.remote ?? {}).flat().map((stream) => stream.requestRTCStats()),
      ...Object.values(participant.subscriptions).map(({ pc }) => pc.getStats()),
    ]);
    return reports.flatMap((r) => [...r.values()]).reduce((sum, { type, framesDecoded = 0 }) => sum + (type === "inbound-rtp" ? framesDecoded : 0), 0);
  });

/** The processor time of a page's main thread and of the whole browser in % of a core, the frames a second of each tile, and the cost of a decoded one. */
async function measure(page) {
  const [tab, browser] = [await page.context().newCDPSession(page), await page.context().browser().newBrowserCDPSession()];
  await tab.send("Performance.enable", { timeDomain: "threadTicks" });
  const usage = async () => {
    const { metrics } = await tab.send("Performance.getMetrics");
    const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
    return {
      at: performance.now() / 1000,
      thread: metrics.find(({ name }) => name === "ThreadTime").value,
      browser: processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0),
      decoded: await decoded(page),
      frames: await page.$$eval("video", (all) => all.map((v) => v.getVideoPlaybackQuality().totalVideoFrames)),
    };
  };
  const from = await usage();
  await pause(1000 * seconds);
  const to = await usage();
  await Promise.all([tab.detach(), browser.detach()]);
  const rate = (after, before) => (after - before) / (to.at - from.at);
  return {
    thread: 100 * rate(to.thread, from.thread),
    browser: 100 * rate(to.browser, from.browser),
    rates: to.frames.map((n, i) => rate(n, from.frames[i])),
    frame: (1000 * (to.browser - from.browser)) / (to.decoded - from.decoded), // ms
  };
}

serverAndBrowser();

test("processor time and frame rate of twelve subscriptions", async (t) => {
  const stage = await publish(server, "twelve", 12, "--size", "320x176", "--video-bitrate", "200k");
  const results = { bare: [], sdk: [] };
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 ? ["sdk", "bare"] : ["bare", "sdk"]) {
      await bestOf(5, async () => { // on a busy machine a handshake may fail, which bare WebRTC does not repeat
        const page = await sdkPage(t);
        if (way === "sdk") await joinSDK(page, await stage.viewer(), {}, 12);
        else await joinBare(page, await stage.viewer(), stage.ids);
        await pause(3000);
        results[way].push(await measure(page));
        await page.close();
      });
    }
  }
  for (const [way, all] of Object.entries(results)) {
    t.diagnostic(`${way}: main thread ${summary(all.map((r) => r.thread), 2)} % of a core; browser ${summary(all.map((r) => r.browser), 1)} %; shown frames a second ${summary(all.flatMap((r) => r.rates), 1)}; ${summary(all.map((r) => r.frame), 2)} ms of processor a decoded frame`);
  }
  t.diagnostic(`main thread, SDK less bare of each round: ${summary(results.sdk.map((r, i) => r.thread - results.bare[i].thread), 2)} % of a core`);
});

test("first picture after the click", async (t) => {
  const stage = await publish(server, "first", 1, "--size", "640x360", "--video-bitrate", "600k");
  const times = { bare: [], sdk: [] };
  for (let round = 0; round < 2 * rounds; round++) {
    for (const way of ["bare", "sdk"]) {
      const page = await sdkPage(t);
      times[way].push(way === "sdk" ? await joinSDK(page, await stage.viewer()) : await joinBare(page, await stage.viewer(), stage.ids));
      await page.close();
    }
  }
  for (const [way, all] of Object.entries(times)) t.diagnostic(`${way}: ${summary(all)} ms`);
});

test("round trips of the first visit of a stage on a connection", async (t) => {
  const port = await freePort();
  const far = await serve("--public-url", `http://127.0.0.1:${port}`);
  t.after(() => far.stop());
  const stages = [];
  for (let n = 0; n < 2 * rounds; n++) stages.push(await publish(far, `stage-${n}`, 1, "--size", "320x176", "--video-bitrate", "100k"));
  const key = await importKey(far.call);
  const page = await sdkPage(t);
  for (const delay of [0, 100, 200]) {
    const proxy = await faraway(port, new URL(far.url).port, delay);
    await page.evaluate((k) => (app.connection?.disconnect(), app.connection = new IVSBroadcastClient.RealTimeConnection(k)).connect(), key.connection(await stages[0].viewer()).token);
    const times = [];
    for (const stage of stages) { // each visit of this connection is the first
      times.push(await joinSDK(page, await stage.viewer(), { connection: true }));
      await page.evaluate(() => (app.stages.main.stage.leave(), document.querySelectorAll("video").forEach((v) => v.remove())));
    }
    await page.evaluate(() => app.connection.disconnect());
    proxy.close();
    t.diagnostic(`${2 * delay} ms of round trip on the socket: ${summary(times)} ms`);
  }
});
