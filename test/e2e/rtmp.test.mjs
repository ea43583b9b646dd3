// An encoder publishes to a stage by RTMPS with the key of an ingest configuration: a
// browser sees and hears it, and every refusal says why.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browse, eventually, freePort, run, serve } from "./harness.mjs";

let server, web, dir, rtmp, rtmps;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "rostrum-e2e-rtmp-"));
  const files = ["key", "cert"].map((n) => join(dir, `${n}.pem`));
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", files[0], "-out", files[1]], { stdio: "ignore" });
  [rtmp, rtmps] = [await freePort(), await freePort()];
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  server = await serve("--tls-key", files[0], "--tls-cert", files[1], "--rtmp-listen", `127.0.0.1:${rtmp}`, "--rtmps-listen", `127.0.0.1:${rtmps}`, "--rtmp-video-codecs", "VP9,AV1");
  web = await browse("--ignore-certificate-errors");
});
after(async () => {
  await web?.stop();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Publishes a blue picture and a tone with ffmpeg until the test ends. */
function encode(t, address, { video = ["-tune", "zerolatency", "-bf", "0"], audio = ["-ar", "44100"] } = {}) {
  const tool = run(
    { command: "ffmpeg" }, "-v", "warning", "-re", "-f", "lavfi", "-i", "color=blue:size=640x360:rate=30", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
    "-c:v", "libx264", "-preset", "ultrafast", ...video, "-pix_fmt", "yuv420p", "-g", "30", "-b:v", "800k", "-c:a", "aac", ...audio, "-f", "flv", address,
  );
  t.after(() => tool.stop());
  return tool;
}

async function configure(input) {
  const { stage } = await server.call("CreateStage", { name: "encoders" });
  const { ingestConfiguration: configuration } = await server.call("CreateIngestConfiguration", { stageArn: stage.arn, userId: "host", ...input });
  const history = async () => {
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn: stage.arn })).stage;
    if (!sessionId) return [];
    const { events } = await server.call("ListParticipantEvents", { stageArn: stage.arn, sessionId, participantId: configuration.participantId });
    return events.map((e) => (e.errorCode ? `${e.name}:${e.errorCode}` : e.name));
  };
  return { arn: stage.arn, endpoints: stage.endpoints, configuration, history };
}

test("an encoder publishes by RTMPS and a browser sees and hears it", async (t) => {
  const { arn, endpoints, configuration, history } = await configure({ ingestProtocol: "RTMPS" });
  assert.equal(new URL(endpoints.rtmps.replace("rtmps:", "https:")).port, `${rtmps}`);
  const id = configuration.participantId;
  const encoder = encode(t, endpoints.rtmps + configuration.streamKey);
  await eventually("the publication", history, (all) => all.includes("PUBLISH_STARTED")).catch((e) => assert.fail(`${e.message}\n${encoder.lines.join("\n")}`));
  const page = await web.page();
  t.after(() => page.close());
  const began = performance.now();
  await page.evaluate(([k, i]) => participant.subscribe(k, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
  const seen = await eventually("a blue picture", () => page.evaluate((i) => participant.look(i), id), (s) => s.colour[2] > 180 && s.colour[0] < 70);
  console.log(`# the first picture was seen after ${Math.round(performance.now() - began)} ms`);
  assert.deepEqual([seen.width, seen.height], [640, 360]);
  await eventually("sound", () => page.evaluate((i) => participant.received(i), id), (s) => s.some((x) => x.kind === "audio" && x.packetsReceived > 50 && x.audioLevel > 0.01));
  assert.equal((await server.call("GetIngestConfiguration", { arn: configuration.arn })).ingestConfiguration.state, "ACTIVE");

  const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
  const { participant } = await server.call("GetParticipant", { stageArn: arn, sessionId, participantId: id });
  assert.deepEqual([participant.protocol, participant.ingestConfigurationArn, participant.userId], ["RTMPS", configuration.arn, "host"]);

  await server.call("DisconnectParticipant", { stageArn: arn, participantId: id });
  await eventually("the end", history, (all) => all.at(-1) === "LEFT");
  await eventually("the encoder's end", () => encoder.child.exitCode, (code) => code !== null, 20);
  const { ingestConfiguration: detached } = await server.call("GetIngestConfiguration", { arn: configuration.arn });
  assert.deepEqual([detached.state, detached.stageArn], ["INACTIVE", ""]);
  await server.call("UpdateIngestConfiguration", { arn: configuration.arn, stageArn: arn });
  encode(t, endpoints.rtmps + configuration.streamKey);
  await eventually("the publication after the stage was set again", history, (all) => all.filter((n) => n === "PUBLISH_STARTED").length === 2);
  await server.call("DeleteIngestConfiguration", { arn: configuration.arn, force: true });
  await eventually("the end", history, (all) => all.at(-1) === "LEFT");
});

const python = process.env.E2E_PYTHON ?? new URL("../../.cache/e2e/python/bin/python", import.meta.url).pathname;

// An ffmpeg that a registry carries: Debian's has no enhanced RTMP.
const newest = spawnSync(python, ["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"], { encoding: "utf8" }).stdout?.trim();

for (const [codec, ...video] of [
  ["VP9", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
  ["AV1", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"],
]) {
  test(`a browser sees ${codec} that an encoder sends by enhanced RTMP`, { skip: newest ? false : "imageio-ffmpeg is not installed" }, async (t) => {
    const { arn, endpoints, configuration, history } = await configure({ ingestProtocol: "RTMP", insecureIngest: true });
    const encoder = run(
      { command: newest }, "-v", "warning", "-re", "-f", "lavfi", "-i", "color=blue:size=320x180:rate=15", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
      ...video, "-pix_fmt", "yuv420p", "-g", "15", "-b:v", "300k", "-c:a", "aac", "-f", "flv", endpoints.rtmp + configuration.streamKey,
    );
    t.after(() => encoder.stop());
    await eventually("the publication", history, (all) => all.includes("PUBLISH_STARTED")).catch((e) => assert.fail(`${e.message}\n${encoder.lines.join("\n")}`));
    const page = await web.page();
    t.after(() => page.close());
    const id = configuration.participantId;
    await page.evaluate(([k, i]) => participant.subscribe(k, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
    const seen = await eventually("a blue picture", () => page.evaluate((i) => participant.look(i), id), (s) => s.colour[2] > 180 && s.colour[0] < 70);
    assert.deepEqual([seen.width, seen.height], [320, 180]);
  });
}

test("an encoder with B-frames is told, and so is the owner", async (t) => {
  const { endpoints, configuration, history } = await configure({ ingestProtocol: "RTMP", insecureIngest: true });
  const encoder = encode(t, endpoints.rtmp + configuration.streamKey, { video: ["-bf", "2"] });
  await eventually("the refusal", history, (all) => all.includes("PUBLISH_ERROR:B_FRAME_PRESENT") && all.at(-1) === "LEFT");
  await eventually("the encoder's end", () => encoder.child.exitCode, (c) => c !== null, 20);
  assert.ok(server.log.some((l) => l.includes(configuration.arn) && l.includes("encoder")), "the log names the ingest configuration");
  assert.ok(!server.log.some((l) => l.includes(configuration.streamKey)), "the log has no stream key");
});
