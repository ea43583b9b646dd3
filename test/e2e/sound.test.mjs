// Sound whose packets carry those before them (RFC 2198) is plain sound to everybody who
// didn't ask for more.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { binary, eventually, run, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const sound = (stats) => stats.find((s) => s.type === "inbound-rtp" && s.kind === "audio");
const composes = existsSync(join(dirname(binary), "rostrum-media"));

test("redundant sound is heard by a browser, by the tool, and in a composition", async (t) => {
  const { arn } = (await server.call("CreateStage", { name: "redundant" })).stage;
  const [publisher, viewer] = await Promise.all([web.page(), web.page()]);
  const { id } = await publisher.evaluate((token) => participant.publish(token, { identity: 5, redundant: true }), await server.token(arn, "ann"));
  const agreed = await publisher.evaluate((i) => participant.publications[i].pc.getSenders()[0].getParameters().codecs[0].mimeType, id);
  assert.equal(agreed, "audio/red");

  await viewer.evaluate(([token, i]) => participant.subscribe(token, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
  await eventually("the browser hears it", () => viewer.evaluate((i) => participant.received(i), id), (s) => sound(s)?.packetsReceived > 100 && sound(s).audioLevel > 0.01);

  const tool = run("subscribe", "--token", await server.token(arn, "meter", ["SUBSCRIBE"]), id, "--duration", "4s", "--json");
  const [code] = await tool.exited;
  assert.equal(code, 0, tool.lines.join("\n"));
  const measured = tool.lines.filter((l) => l.startsWith("{")).map((l) => JSON.parse(l)).find((l) => l.event === "summary" && l.kind === "audio");
  assert.ok(measured?.packets > 50, tool.lines.join("\n"));

  if (composes) await t.test("a composition has it", () => composed(arn));
  await Promise.all([publisher.close(), viewer.close()]);
});

/** Composes the stage for some seconds and asks ffmpeg how loud the recording is. */
async function composed(stageArn) {
  const { storageConfiguration } = await server.call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  const { encoderConfiguration } = await server.call("CreateEncoderConfiguration", {});
  const { composition } = await server.call("StartComposition", {
    stageArn,
    destinations: [{ s3: { storageConfigurationArn: storageConfiguration.arn, encoderConfigurationArns: [encoderConfiguration.arn] } }],
  });
  const state = async () => (await server.call("GetComposition", { arn: composition.arn })).composition;
  await eventually("it composes", state, (c) => c.state === "ACTIVE");
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await server.call("StopComposition", { arn: composition.arn });
  const { destinations } = await eventually("it has stopped", state, (c) => c.state === "STOPPED");
  const { recordingPrefix } = destinations[0].detail.s3;
  const link = run("link", `recordings/${recordingPrefix}`, "--data-dir", server.dir, "--public-url", server.url);
  await link.exited;
  const meter = run({ command: "ffmpeg" }, "-hide_banner", "-i", link.lines[0], "-vn", "-af", "volumedetect", "-f", "null", "-");
  await meter.exited;
  const loudness = Number(meter.lines.join("\n").match(/mean_volume: (\S+) dB/)?.[1]);
  assert.ok(loudness > -50, `the recording is ${loudness} dB loud\n${meter.lines.slice(-5).join("\n")}`);
}
