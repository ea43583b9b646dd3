// An encoder publishes to a stage by RTMPS with the key of an ingest configuration: a
// browser sees and hears it, and every refusal says why.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { python as boto3 } from "./boto3.mjs";
import { bestOf, binary, browse, eventually, freePort, run, serve } from "./harness.mjs";
import { colours, loudness } from "./recorded.mjs";

let server, web, dir, files, rtmp, rtmps;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "rostrum-e2e-rtmp-"));
  files = ["key", "cert"].map((n) => join(dir, `${n}.pem`));
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

/** Publishes a blue picture and a tone with ffmpeg until the test ends; sentAt is when it began to send. */
function encode(t, address, { video = ["-tune", "zerolatency", "-bf", "0"], audio = ["-ar", "44100"] } = {}) {
  const tool = run(
    { command: "ffmpeg" }, "-re", "-f", "lavfi", "-i", "color=blue:size=640x360:rate=30", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
    "-c:v", "libx264", "-preset", "ultrafast", ...video, "-pix_fmt", "yuv420p", "-g", "30", "-b:v", "800k", "-c:a", "aac", ...audio, "-f", "flv", address,
  );
  t.after(() => tool.stop());
  tool.child.stderr.on("data", (text) => `${text}`.includes("Output #0") && (tool.sentAt = Date.now()));
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

/** The AWS CLI that the Python environment of boto3 has. */
const cli = boto3 ? join(dirname(boto3), "aws") : "aws";
const noCLI = spawnSync(cli, ["--version"]).status === 0 ? false : "the AWS CLI is not installed";
const composes = existsSync(join(dirname(binary), "rostrum-media"));

/** The answer of a command of the AWS CLI. */
async function aws(command, ...options) {
  const environment = {
    AWS_ENDPOINT_URL_IVS_REALTIME: server.url, AWS_DEFAULT_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "E2EACCESSKEY", AWS_SECRET_ACCESS_KEY: "e2e-secret-of-the-suite",
    AWS_CA_BUNDLE: files[1], AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null", NO_PROXY: "127.0.0.1",
  };
  return JSON.parse((await promisify(execFile)(cli, ["ivs-realtime", command, ...options, "--output", "json"], { env: { ...process.env, ...environment } })).stdout);
}

/** A page that subscribes as soon as the participant publishes, and notes when it first showed blue and first had 440 Hz as its loudest tone. */
async function viewerOf(stageArn, id) {
  const page = await web.page();
  const [watcher, viewer] = [await server.token(stageArn, "watcher", ["SUBSCRIBE"]), await server.token(stageArn, "bob", ["SUBSCRIBE"])];
  await page.evaluate(async ([watcher, viewer, id]) => {
    await participant.events(watcher);
    const audio = new AudioContext();
    const noted = (window.noted = {});
    const each = (ms, look) => {
      const timer = setInterval(() => look() && clearInterval(timer), ms);
    };
    const look = () => {
      const { colour } = participant.look(id);
      if (colour[2] > 180 && colour[0] < 70) noted.seen = Date.now();
      else participant.subscriptions[id].video.requestVideoFrameCallback(look);
    };
    const listen = () => {
      const analyser = new AnalyserNode(audio, { fftSize: 4096, smoothingTimeConstant: 0 });
      audio.createMediaStreamSource(new MediaStream(participant.subscriptions[id].video.srcObject.getAudioTracks())).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      each(10, () => {
        analyser.getFloatFrequencyData(bins);
        const loudest = bins.indexOf(Math.max(...bins));
        if (bins[loudest] < -60 || Math.abs((loudest * audio.sampleRate) / 4096 - 440) > 20) return false;
        return (noted.heard = Date.now());
      });
    };
    const publishes = ({ payload }) => [...(payload.participants ?? []), payload.participant].some((p) => p?.id === id && p.isPublishing);
    each(5, () => {
      if (!participant.messages.some(publishes)) return false;
      participant.subscribe(viewer, id);
      each(5, () => participant.subscriptions[id] && (listen(), look(), true));
      return true;
    });
  }, [watcher, viewer, id]);
  return { page, noted: () => eventually("blue is seen and the tone is heard", () => page.evaluate(() => noted), (n) => n.seen && n.heard) };
}

const blue = ([r, , b]) => b > 180 && r < 70;

/** The colours of the newest segment of a recording that goes on. */
function newestColours(folder) {
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder, { recursive: true }).filter((f) => f.endsWith(".mp4"));
  const [init, last] = [all.find((f) => f.endsWith("init-0.mp4")), Math.max(...all.map((f) => Number(basename(f, ".mp4"))).filter(Number.isInteger))];
  return init && last >= 0 ? colours(`concat:${join(folder, init)}|${join(folder, dirname(init), `${last}.mp4`)}`) : [];
}

/** Checks with ffmpeg that a recording has the picture and the tone of the encoder. */
function checkRecording(what, prefix, playlist) {
  const address = join(server.dir, "buckets/recordings", prefix, playlist);
  const { streams } = JSON.parse(execFileSync("ffprobe", ["-v", "error", "-of", "json", "-show_streams", address]));
  assert.deepEqual(streams.map((s) => s.codec_type).sort(), ["audio", "video"], what);
  const all = colours(address);
  assert.ok(all.some(blue), `${what} has the colours ${JSON.stringify(all)}`);
  const [tone, other] = [loudness(address, 440), loudness(address, 2000)];
  assert.ok(tone > -40 && tone > other + 20, `at 440 Hz ${what} is ${tone} dB loud, at 2 kHz ${other}`);
}

test("an encoder publishes by RTMPS with a key of the AWS CLI: seen and heard within a second, composed and recorded", { skip: noCLI || (!composes && "there is no rostrum-media") }, async (t) => {
  const { storageConfiguration: storage } = await aws("create-storage-configuration", "--s3", "bucketName=recordings");
  const recording = JSON.stringify({ storageConfigurationArn: storage.arn, hlsConfiguration: { targetSegmentDurationSeconds: 2 } });
  const { stage } = await aws("create-stage", "--name", "encoders", "--auto-participant-recording-configuration", recording);
  const { ingestConfiguration: configuration } = await aws("create-ingest-configuration", "--name", "camera", "--user-id", "host", "--ingest-protocol", "RTMPS", "--stage-arn", stage.arn);
  const { encoderConfiguration } = await server.call("CreateEncoderConfiguration", {});
  assert.equal(new URL(stage.endpoints.rtmps.replace("rtmps:", "https:")).port, `${rtmps}`);
  const { arn } = stage;
  const { participantId: id, streamKey } = configuration;
  const events = async () => {
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
    return sessionId ? (await server.call("ListParticipantEvents", { stageArn: arn, sessionId, participantId: id })).events : [];
  };
  const history = async () => (await events()).map((e) => e.name);

  const encoder = await bestOf(3, async () => {
    const viewer = await viewerOf(arn, id);
    t.after(() => viewer.page.close());
    const encoder = encode(t, stage.endpoints.rtmps + streamKey);
    const noted = await viewer.noted().catch((e) => assert.fail(`${e.message}\n${encoder.lines.join("\n")}`));
    const [seen, heard] = [noted.seen, noted.heard].map((at) => at - encoder.sentAt);
    console.log(`# seen ${seen} ms and heard ${heard} ms after the encoder sent its first keyframe`);
    if (seen < 1000 && heard < 1000) return encoder;
    await encoder.stop();
    throw new Error(`seen after ${seen} ms, heard after ${heard} ms`);
  });

  assert.equal((await server.call("GetIngestConfiguration", { arn: configuration.arn })).ingestConfiguration.state, "ACTIVE");
  const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
  const host = async () => (await server.call("GetParticipant", { stageArn: arn, sessionId, participantId: id })).participant;
  const { protocol, ingestConfigurationArn, userId } = await host();
  assert.deepEqual([protocol, ingestConfigurationArn, userId], ["RTMPS", configuration.arn, "host"]);

  const { composition } = await server.call("StartComposition", {
    stageArn: arn,
    destinations: [{ s3: { storageConfigurationArn: storage.arn, encoderConfigurationArns: [encoderConfiguration.arn] } }],
  });
  const composed = async () => (await server.call("GetComposition", { arn: composition.arn })).composition;
  const active = await eventually("it composes", composed, (c) => c.state === "ACTIVE");
  const folder = join(server.dir, "buckets/recordings", active.destinations[0].detail.s3.recordingPrefix, "media/hls");
  await eventually("the composition shows it", () => newestColours(folder), (all) => all.length > 0 && all.every(blue), 30);
  await server.call("StopComposition", { arn: composition.arn });

  await server.call("DisconnectParticipant", { stageArn: arn, participantId: id });
  await eventually("the end", history, (all) => all.at(-1) === "LEFT");
  await eventually("the encoder's end", () => encoder.child.exitCode, (code) => code !== null, 20);
  const { ingestConfiguration: detached } = await server.call("GetIngestConfiguration", { arn: configuration.arn });
  assert.deepEqual([detached.state, detached.stageArn], ["INACTIVE", ""]);

  const { recordingS3Prefix } = await eventually("the recording has ended", host, (p) => p.recordingState === "STOPPED");
  checkRecording("the individual recording", recordingS3Prefix, "media/hls/multivariant.m3u8");
  const { destinations } = await eventually("the composition has stopped", composed, (c) => c.state === "STOPPED");
  checkRecording("the composition", destinations[0].detail.s3.recordingPrefix, "media/hls/multivariant.m3u8");

  const published = (await history()).filter((n) => n === "PUBLISH_STARTED").length;
  await server.call("UpdateIngestConfiguration", { arn: configuration.arn, stageArn: arn });
  encode(t, stage.endpoints.rtmps + streamKey);
  await eventually("the publication after the stage was set again", history, (all) => all.filter((n) => n === "PUBLISH_STARTED").length > published);
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
