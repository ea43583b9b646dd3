// What runs inside the browser: an application on the SDK that the server serves.
import { eventually, server, web } from "./harness.mjs";

/** Installed into a page as window.app; the page has window.participant, too. */
function application() {
  const app = { stages: {}, events: [], seis: [] };
  const describe = (value) => {
    if (value instanceof Error) return { code: value.code, category: value.category, serverCode: value.serverCode, message: value.message };
    if (value instanceof IVSBroadcastClient.StageStream) return value.streamType;
    if (Array.isArray(value)) return value.map(describe);
    if (value?.payload instanceof ArrayBuffer) return { text: new TextDecoder().decode(value.payload), uuid: [...new Uint8Array(value.uuid)] };
    return value && typeof value === "object" && "userId" in value ? value.userId : value;
  };

  /** The media of a participant: a picture and a tone that say who it is. */
  app.media = async ({ identity, width = 640, height = 360, fps, colour, video = {}, audio = {} }) => {
    const picture = participant.picture({ identity, width, height, fps, colour });
    return [new IVSBroadcastClient.LocalStageStream(await participant.tone(200 + 100 * identity), audio), new IVSBroadcastClient.LocalStageStream(picture.track, video)];
  };

  /** Joins a stage; with an identity it publishes. */
  app.join = async (name, token, { media, subscribe = "AUDIO_VIDEO", configuration, connection, join = true } = {}) => {
    const streams = media ? await app.media(media) : [];
    const self = { streams, subscribe, publish: media !== undefined, layer: null, videos: {}, remote: {}, configuration };
    self.strategy = {
      stageStreamsToPublish: () => self.streams,
      shouldPublishParticipant: () => self.publish,
      shouldSubscribeToParticipant: () => IVSBroadcastClient.SubscribeType[self.subscribe],
      subscribeConfiguration: () => self.configuration ?? {},
      preferredLayerForStream: (_, stream) => (self.layer === "highest" ? stream.getHighestQualityLayer() : self.layer === "lowest" ? stream.getLowestQualityLayer() : self.layer),
    };
    self.stage = new IVSBroadcastClient.Stage(token, self.strategy, connection ? { realTimeConnection: app.connection } : undefined);
    app.stages[name] = self;
    for (const event of Object.values(IVSBroadcastClient.StageEvents)) {
      self.stage.on(event, (...payload) => app.events.push({ stage: name, event, payload: payload.map(describe), at: Date.now() }));
    }
    self.stage.on(IVSBroadcastClient.StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (info, streams) => {
      if (info.isLocal) return;
      const video = (self.videos[info.userId] ??= Object.assign(document.createElement("video"), { autoplay: true, playsInline: true, srcObject: new MediaStream() }));
      video.style.width = "480px";
      document.body.append(video);
      for (const stream of streams) video.srcObject.addTrack(stream.mediaStreamTrack);
      self.remote[info.userId] = [...(self.remote[info.userId] ?? []), ...streams];
    });
    self.stage.on(IVSBroadcastClient.StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (info, streams) => {
      if (info.isLocal) return;
      self.remote[info.userId] = self.remote[info.userId].filter((s) => !streams.includes(s));
      for (const stream of streams) self.videos[info.userId].srcObject.removeTrack(stream.mediaStreamTrack);
    });
    if (join) await self.stage.join();
  };

  const tracks = (name, user, kind) => app.stages[name].videos[user]?.srcObject.getTracks().filter((t) => t.kind === kind && t.readyState === "live") ?? [];

  /** What the picture of a participant says; null if there is none. */
  app.look = (name, user) => {
    const video = app.stages[name].videos[user];
    return video?.videoWidth && tracks(name, user, "video").length ? participant.read(video) : null;
  };

  /** The pitch of a participant's tone in hertz; 0 in silence. */
  app.listen = async (name, user) => {
    const [track] = tracks(name, user, "audio");
    if (!track) return 0;
    const recorder = new MediaRecorder(new MediaStream([track]));
    const recorded = new Promise((resolve) => (recorder.ondataavailable = ({ data }) => resolve(data)));
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (recorder.state === "recording") recorder.stop();
    const decoder = new OfflineAudioContext(1, 1, 48_000);
    const buffer = await decoder.decodeAudioData(await (await recorded).arrayBuffer()).catch(() => null); // nothing was received
    if (!buffer) return 0;
    const context = new OfflineAudioContext(1, buffer.length, buffer.sampleRate);
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(analyser).connect(context.destination);
    source.start();
    await context.startRendering();
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return bins[loudest] < -60 ? 0 : (loudest * context.sampleRate) / analyser.fftSize;
  };

  app.stream = (name, user, type) => app.stages[name].remote[user]?.find((s) => s.streamType === type);
  window.app = app;
}

/** A page with the SDK. */
export async function sdkPage(t, host = web, url = server.url) {
  const page = await host.page();
  t.after(() => page.close().catch(() => {}));
  await page.addScriptTag({ url: `${url}/sdk/rostrum.js` });
  await page.evaluate(application);
  return page;
}

/** A page on a stage; name is that of the stage in the page. */
export async function joinPage(t, token, options = {}, name = "main") {
  const page = await sdkPage(t);
  await page.evaluate(([n, k, o]) => app.join(n, k, o), [name, token, options]);
  return page;
}

/** Waits until a page sees and hears a participant. */
export async function seesAndHears(page, user, identity, name = "main") {
  await eventually(`the picture of ${user}`, () => page.evaluate(([n, u]) => app.look(n, u), [name, user]), (s) => s?.identity === identity);
  const pitch = 200 + 100 * identity;
  await eventually(`the tone of ${user}`, () => page.evaluate(([n, u]) => app.listen(n, u), [name, user]), (f) => Math.abs(f - pitch) < 15);
}

/** Waits for an event in a page, after the first ones. */
export const happens = (page, event, matches = () => true, after = 0) =>
  eventually(event, () => page.evaluate(() => app.events), (all) => all.slice(after).some((e) => e.event === event && matches(e.payload)));

export const count = (page) => page.evaluate(() => app.events.length);
