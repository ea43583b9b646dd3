// What applications on the browser SDK learn of devices, of quality and of the way to the server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, server } from "./harness.mjs";
import { stageOf } from "./sdk-call.mjs";
import { happens, joinPage, seesAndHears, sdkPage } from "./sdk-page.mjs";

/** The tests that hold in every browser; what serverAndBrowser has brought up runs them. */
export function testDevices({ skip = false } = {}) {
  test("statistics and loudness of what is received", { skip }, async (t) => {
    const arn = await stageOf("sdk-stats");
    await joinPage(t, await server.token(arn, "ann", ["PUBLISH"]), { media: { identity: 1 } });
    const bob = await joinPage(t, await server.token(arn, "bob", ["SUBSCRIBE"]));
    await seesAndHears(bob, "ann", 1);
    const quality = (kind) => bob.evaluate((k) => app.stream("main", "ann", k).requestQualityStats(), kind);
    const width = () => bob.evaluate(() => app.look("main", "ann")?.width);
    await eventually("statistics of the video", async () => [await quality("video"), await width()], ([all, w]) => all?.[0].framesDecoded > 0 && all[0].frameWidth === w && all[0].packetsReceived > 0);
    await eventually("statistics of the audio", () => quality("audio"), (all) => all?.[0].packetsReceived > 0 && all[0].networkQuality > 0);
    await eventually("loudness", () => bob.evaluate(() => app.stream("main", "ann", "audio").requestAudioLevel()), (level) => level > 0.01 && level <= 1);
    await happens(bob, "stageActiveSpeakerChanged", ([who]) => who === "ann");
  });

  test("devices are listed, opened and switched; what fails says what to do", { skip }, async (t) => {
    const page = await sdkPage(t);
    const tracks = await page.evaluate(async () => {
      const [camera, microphone] = [await IVSBroadcastClient.openCamera(), await IVSBroadcastClient.openMicrophone()];
      const { cameras, microphones } = await IVSBroadcastClient.listDevices();
      const again = await IVSBroadcastClient.openCamera(cameras[0].deviceId);
      return [camera.kind, microphone.kind, again.getSettings().deviceId === cameras[0].deviceId, microphones.length > 0];
    });
    assert.deepEqual(tracks, ["video", "audio", true, true]);
    assert.equal(await page.evaluate(() => IVSBroadcastClient.openCamera("no such camera").catch((e) => e.failure)), "overconstrained");
    const denied = await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
      return IVSBroadcastClient.openCamera().catch((e) => [e instanceof IVSBroadcastClient.DeviceError, e.failure]);
    });
    assert.deepEqual(denied, [true, "denied"]);
  });

  test("the test of publishing finds a way, or says what is refused", { skip }, async (t) => {
    const arn = await stageOf("sdk-self-test");
    const page = await sdkPage(t);
    const report = await page.evaluate((token) => IVSBroadcastClient.testPublishing(token, { seconds: 2, timeout: 40 }), await server.token(arn, "ann", ["PUBLISH"]));
    assert.equal(report.reached, "published", JSON.stringify(report));
    assert.ok(report.bitrate > 10_000 && report.path.protocol === "udp" && !report.path.relayed && report.joinedAfter <= report.publishedAfter, JSON.stringify(report));
    const token = await server.token(arn, "bob");
    const id = JSON.parse(Buffer.from(token.split(".")[1], "base64url")).jti;
    await server.call("DisconnectParticipant", { stageArn: arn, participantId: id });
    const refused = await page.evaluate((k) => IVSBroadcastClient.testPublishing(k, { timeout: 40 }).then(({ reached, error }) => [reached, error.code]), token);
    assert.deepEqual(refused, ["nothing", 10]);
  });
}
