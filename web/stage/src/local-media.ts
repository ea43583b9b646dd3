import { DeviceError, DeviceFailure, LocalStageStream, openCamera, openMicrophone } from 'rostrum-sdk';

export type Kind = 'camera' | 'microphone';

const open = { camera: openCamera, microphone: openMicrophone };
const configuration = { camera: { simulcast: { enabled: true } }, microphone: {} };

/** One device of this machine while it is used. */
export class Device {
  stream: LocalStageStream | undefined;
  /** Why the last attempt to open it failed; another device may be in use all the same. */
  error: unknown;
  private borrowed: MediaStreamTrack | undefined; // sent in place of the device's
  private own: MediaStreamTrack | undefined;
  private mutedByLoss = false; // not by the user
  private chosen: string | undefined; // the id of the device, also for the next call
  private requests = 0; // the one before is void

  constructor(
    readonly kind: Kind,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void = () => {},
  ) {}

  get isOn(): boolean {
    return this.stream !== undefined && !this.stream.isMuted && this.isOpen;
  }

  get isOpen(): boolean {
    return this.own?.readyState === 'live';
  }

  /** The id of the device that is used. */
  get id(): string {
    return this.own?.getSettings().deviceId ?? '';
  }

  /** The device's own track, whatever is sent. */
  get track(): MediaStreamTrack | undefined {
    return this.own;
  }

  /** Opens a device, by default the one that was chosen last, and goes on with it in place of the former one. */
  async open(id?: string): Promise<void> {
    const number = ++this.requests;
    try {
      const track = await (id ? this.request(id) : this.requestChosen());
      if (number !== this.requests) return track.stop();
      this.chosen = id || this.chosen;
      track.addEventListener('ended', () => this.lost(track));
      await this.use(track);
      this.error = undefined;
    } catch (error) {
      if (number !== this.requests) return;
      this.error = error;
      if (!this.isOpen && !this.borrowed) this.muteForLoss();
      this.failed(error);
    }
    this.changed();
  }

  /** Turns it on, opening it if need be, or off. */
  async toggle(): Promise<void> {
    if (!this.stream || !this.isOpen) {
      await this.open();
      if (this.isOpen) this.stream?.setMuted(false);
    } else this.stream.setMuted(!this.stream.isMuted);
    this.changed();
  }

  /** Sends another track in place of the device's, or the device's again. */
  async replace(track?: MediaStreamTrack): Promise<void> {
    this.borrowed = track;
    const sent = track ?? this.own;
    if (sent) await this.send(sent);
    else this.stream = undefined;
  }

  close(): void {
    this.requests++;
    this.own?.stop();
    this.stream = this.own = this.borrowed = this.error = undefined;
    this.mutedByLoss = false;
  }

  /** Asks for the device that was chosen last, or for any if that one is gone. */
  private async requestChosen(): Promise<MediaStreamTrack> {
    try {
      return await this.request(this.chosen);
    } catch (error) {
      if (!this.chosen || !(error instanceof DeviceError) || error.failure !== DeviceFailure.OVERCONSTRAINED) throw error;
      return this.request(undefined);
    }
  }

  /** Asks the browser for a device. Phones open one camera at a time: the former one is closed then. */
  private async request(id: string | undefined): Promise<MediaStreamTrack> {
    const number = this.requests;
    try {
      return await open[this.kind](id);
    } catch (error) {
      if (number !== this.requests || !this.isOpen || !(error instanceof DeviceError) || error.failure !== DeviceFailure.IN_USE) throw error;
      this.own!.stop();
      return open[this.kind](id);
    }
  }

  private async use(track: MediaStreamTrack): Promise<void> {
    this.own?.stop();
    this.own = track;
    if (this.borrowed) return;
    await this.send(track);
    if (this.mutedByLoss) this.stream?.setMuted(false);
    this.mutedByLoss = false;
  }

  /** Without a device nothing is sent, and others are told so. */
  private muteForLoss(): void {
    this.mutedByLoss ||= this.stream !== undefined && !this.stream.isMuted;
    this.stream?.setMuted(true);
  }

  private async send(track: MediaStreamTrack): Promise<void> {
    if (this.stream) await this.stream.replaceTrack(track);
    else this.stream = new LocalStageStream(track, configuration[this.kind]);
  }

  /** The device was unplugged, or its use was forbidden; another one takes its place if there is one. */
  private lost(track: MediaStreamTrack): void {
    if (track === this.own) void this.open();
  }
}

/** Measures how loud a microphone is. */
export class LevelMeter {
  private context: AudioContext | undefined;
  private source: MediaStreamAudioSourceNode | undefined;
  private analyser: AnalyserNode | undefined;
  private track: MediaStreamTrack | undefined;

  /** Measures another track from now on; undefined ends it. */
  use(track: MediaStreamTrack | undefined): void {
    if (track === this.track) return;
    this.track = track;
    this.source?.disconnect();
    this.source = undefined;
    if (!track) {
      void this.context?.close();
      this.context = undefined;
      return;
    }
    this.context ??= new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: new MediaStream([track]) });
    this.source.connect(this.analyser);
  }

  /** The loudness from 0 to 1. */
  get level(): number {
    if (!this.analyser || !this.source) return 0;
    if (this.context?.state === 'suspended') void this.context.resume();
    const wave = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(wave);
    const power = wave.reduce((sum, v) => sum + v * v, 0) / wave.length;
    const decibel = 10 * Math.log10(power + 1e-9);
    return Math.min(1, Math.max(0, (decibel + 60) / 50));
  }
}

/** Plays three notes, on a speaker if the browser lets pages choose one. */
export async function playTestSound(setSpeaker: (element: HTMLMediaElement) => Promise<void>): Promise<void> {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const gain = new GainNode(context, { gain: 0.15 });
  gain.connect(out);
  const audio = new Audio();
  audio.srcObject = out.stream;
  await setSpeaker(audio);
  await audio.play();
  const last = [523, 659, 784].map((frequency, i) => {
    const note = new OscillatorNode(context, { frequency });
    note.connect(gain);
    note.start(context.currentTime + i * 0.25);
    note.stop(context.currentTime + i * 0.25 + 0.22);
    return note;
  }).at(-1)!;
  await new Promise((resolve) => (last.onended = resolve));
  await context.close();
}
