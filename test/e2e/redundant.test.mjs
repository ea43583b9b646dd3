// Two encoders with the two keys of one ingest configuration are one participant: a browser
// and a composition go on when the one that they see is killed, or falls silent.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { binary, bestOf, browse, eventually, freePort, run, serve } from "./harness.mjs";
import { colours as coloursOf, loudness } from "./recorded.mjs";

const maxFreeze = 1500; // ms; a second is promised, the rest is for a busy machine
const composes = existsSync(join(dirname(binary), "rostrum-media"));

let server, web;

before(async () => {
  server = await serve("--rtmp-listen", `127.0.0.1:${await freePort()}`);
  web = await browse();
});
after(async () => {
  await web?.stop();
  await server?.stop();
});

/** Publishes a colour and a tone. What one has of the program, the other has: the colours tell them apart. */
const encode = (address, colour) =>
  run(
    { command: "ffmpeg" }, "-v", "warning", "-re", "-f", "lavfi", "-i", `color=${colour}:size=640x360:rate=30`, "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-bf", "0", "-pix_fmt", "yuv420p", "-g", "30", "-b:v", "800k", "-c:a", "aac", "-ar", "48000", "-f", "flv", address,
  );

const blue = ([r, g, b]) => b > 180 && r < 70 && g < 70;
const green = ([r, g, b]) => g > 90 && r < 70 && b < 70;

/** A stage with a redundant ingest configuration, and what its API says. */
async function configure() {
  const { stage } = await server.call("CreateStage", { name: "redundant" });
  const input = { stageArn: stage.arn, userId: "host", ingestProtocol: "RTMP", insecureIngest: true, redundantIngest: true };
  const { ingestConfiguration: configuration } = await server.call("CreateIngestConfiguration", input);
  assert.equal(configuration.redundantIngestCredentials.length, 2);
  const participants = async () => {
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn: stage.arn })).stage;
    if (!sessionId) return [];
    return (await server.call("ListParticipants", { stageArn: stage.arn, sessionId })).participants;
  };
  const encoders = configuration.redundantIngestCredentials.map(({ participantId, streamKey }, i) => {
    const itself = async () => (await participants()).find((p) => p.participantId === participantId);
    return {
      begin: () => encode(stage.endpoints.rtmp + streamKey, ["blue", "green"][i]),
      connected: () => eventually("an encoder publishes", itself, (p) => p?.published && p.state === "CONNECTED"),
      left: () => eventually("an encoder left", itself, (p) => p?.state === "DISCONNECTED"),
    };
  });
  return { arn: stage.arn, configuration, encoders, participants };
}

/** What a page sees of the participant, and since `watch` the longest time without a new picture. */
async function viewerOf({ arn, configuration }) {
  const page = await web.page();
  const id = configuration.participantId;
  const messages = () => page.evaluate(() => participant.messages);
  await page.evaluate((token) => participant.events(token), await server.token(arn, "watcher", ["SUBSCRIBE"]));
  const publishes = (m) => [...(m.payload.participants ?? []), m.payload.participant].some((p) => p?.id === id && p.isPublishing);
  await eventually("it publishes", messages, (all) => all.some(publishes));
  await page.evaluate(([token, i]) => participant.subscribe(token, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
  return {
    messages,
    close: () => page.close(),
    sees: (what, colour) => eventually(what, () => page.evaluate((i) => participant.look(i), id), (s) => colour(s.colour)),
    hears: () => eventually("sound", () => page.evaluate((i) => participant.received(i), id), (s) => s.some((x) => x.kind === "audio" && x.audioLevel > 0.01)),
    watch: () =>
      page.evaluate((i) => {
        const seen = (window.seen = { last: performance.now(), longest: 0, shown: 0 });
        const { video } = participant.subscriptions[i];
        const next = (now) => {
          if (window.seen !== seen) return;
          Object.assign(seen, { last: now, longest: Math.max(seen.longest, now - seen.last), shown: seen.shown + 1 });
          video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
      }, id),
    freeze: async () => {
      const { shown } = await page.evaluate(() => window.seen);
      return (await eventually("pictures go on", () => page.evaluate(() => window.seen), (s) => s.shown > shown + 60)).longest;
    },
  };
}

test("viewers go on when an encoder is killed or falls silent", async () => {
  await bestOf(3, async () => {
    const stage = await configure();
    const [first, second] = stage.encoders;
    let one = first.begin();
    await first.connected();
    const viewer = await viewerOf(stage);
    await viewer.sees("the first encoder", blue);
    const two = second.begin();
    await second.connected();

    await viewer.watch();
    one.child.kill("SIGKILL");
    await viewer.sees("the second encoder", green);
    const killed = await viewer.freeze();

    await first.left();
    one = first.begin();
    await first.connected();
    await viewer.watch();
    await viewer.freeze(); // it sends: what counts from here on is the silence
    await viewer.watch();
    two.child.kill("SIGSTOP");
    await viewer.sees("the first encoder again", blue);
    const silent = await viewer.freeze();
    two.child.kill("SIGCONT");
    await viewer.hears();

    console.log(`# the picture stood still for ${Math.round(killed)} ms when the encoder was killed, ${Math.round(silent)} ms when it fell silent`);
    assert.ok(killed < maxFreeze && silent < maxFreeze, `still for ${killed} and ${silent} ms`);
    await checkParticipants(stage, viewer);
    await server.call("DeleteIngestConfiguration", { arn: stage.configuration.arn, force: true });
    await eventually("the encoders' end", () => [one, two], (all) => all.every((e) => e.child.exitCode !== null));
    await viewer.close();
  });
});

/** The API has the encoders, viewers have the participant. */
async function checkParticipants({ configuration, participants }, viewer) {
  const all = await participants();
  const encoders = all.filter((p) => p.userId === "host");
  const ids = configuration.redundantIngestCredentials.map((c) => c.participantId);
  assert.deepEqual(encoders.map((p) => p.participantId).sort(), ids.toSorted());
  assert.ok(encoders.every((p) => p.redundantIngest && p.ingestConfigurationArn === configuration.arn));
  const messages = await viewer.messages();
  assert.ok(ids.every((id) => !JSON.stringify(messages).includes(id)), "viewers are told of the encoders");
  assert.ok(!messages.some((m) => m.type === "PARTICIPANT_LEFT"), "the participant left");
}

test("a composition records the program of both", { skip: !composes && "there is no rostrum-media" }, async () => {
  const stage = await configure();
  const [first, second] = stage.encoders;
  const one = first.begin();
  await first.connected();
  const two = second.begin();
  await second.connected();
  const { storageConfiguration } = await server.call("CreateStorageConfiguration", { s3: { bucketName: "recordings" } });
  const { encoderConfiguration } = await server.call("CreateEncoderConfiguration", {});
  const { composition } = await server.call("StartComposition", {
    stageArn: stage.arn,
    destinations: [{ s3: { storageConfigurationArn: storageConfiguration.arn, encoderConfigurationArns: [encoderConfiguration.arn] } }],
  });
  const state = async () => (await server.call("GetComposition", { arn: composition.arn })).composition;
  const { destinations } = await eventually("it composes", state, (c) => c.state === "ACTIVE");
  const prefix = `recordings/${destinations[0].detail.s3.recordingPrefix}`;
  const segments = () => {
    const folder = join(server.dir, "buckets", prefix);
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).filter((f) => /\.(ts|m4s|mp4)$/.test(f)).length : 0;
  };
  await eventually("the first encoder is recorded", segments, (n) => n >= 3, 60);
  one.child.kill("SIGKILL");
  const before = segments();
  await eventually("the second encoder is recorded", segments, (n) => n >= before + 3, 60);
  await server.call("StopComposition", { arn: composition.arn });
  await eventually("it has stopped", state, (c) => c.state === "STOPPED");
  await two.stop();

  const address = await addressOf(prefix);
  const colours = coloursOf(address);
  const program = colours.slice(colours.findIndex(blue), colours.findLastIndex(green) + 1);
  const said = `the recording has the colours ${JSON.stringify(colours)}`;
  assert.ok(program.some(green), said);
  assert.ok(program.filter((c) => !blue(c) && !green(c)).length <= 2, said); // a second where one becomes the other
  const [tone, other] = [loudness(address, 440), loudness(address, 2000)];
  assert.ok(tone > -40 && tone > other + 20, `at 440 Hz the recording is ${tone} dB loud, at 2 kHz ${other}`);
});

async function addressOf(prefix) {
  const link = run("link", prefix, "--data-dir", server.dir, "--public-url", server.url);
  await link.exited;
  return link.lines[0];
}
