import { type NoPictureReason, type RemoteStageStream, type StageParticipantInfo, type StageStream, StreamType } from 'rostrum-sdk';

import { find, fromTemplate, initialsOf, setIcon, setOptions } from './dom.ts';
import { noPicture } from './sentences.ts';
import { Statistics } from './statistics.ts';

/** What a tile tells. */
export interface TileListener {
  pinned(tile: Tile): void;
  layerChosen(tile: Tile, label: string): void;
  /** The picture has another shape. */
  resized(): void;
  /** The browser plays no audio until somebody clicks. */
  silenced(): void;
}

/** The picture of one participant, with what there is to know about it. */
export class Tile {
  readonly element = fromTemplate('tile');
  readonly video = find<HTMLVideoElement>('video', this.element);
  private readonly nameLine = find('.name', this.element);
  private readonly note = find('.note', this.element);
  private readonly avatar = find('.avatar', this.element);
  private readonly figures = find('.figures', this.element);
  private readonly microphone = find('.microphone', this.element);
  private readonly layers = find<HTMLSelectElement>('.layers', this.element);
  private readonly pin = find('.pin', this.element);
  private readonly media = new MediaStream();
  private readonly statistics: Statistics;
  private streams: StageStream<any>[] = [];

  constructor(
    readonly id: string,
    readonly own: boolean,
    private readonly listener: TileListener,
  ) {
    this.statistics = new Statistics(own);
    this.element.classList.toggle('own', own);
    this.video.muted = own;
    this.video.srcObject = this.media;
    this.video.onresize = () => listener.resized();
    this.pin.onclick = () => listener.pinned(this);
    this.layers.onchange = () => listener.layerChosen(this, this.layers.value);
  }

  /** Width by height of the picture; undefined without one. */
  get ratio(): number | undefined {
    return this.hasPicture && this.video.videoWidth ? this.video.videoWidth / this.video.videoHeight : undefined;
  }

  get hasPicture(): boolean {
    return !this.element.classList.contains('without');
  }

  /** Mirrors the picture, as one knows oneself. */
  set mirrored(mirrored: boolean) {
    this.element.classList.toggle('mirrored', mirrored);
  }

  set spotlit(spotlit: boolean) {
    this.element.classList.toggle('spot', spotlit);
  }

  set pinned(pinned: boolean) {
    this.pin.setAttribute('aria-pressed', String(pinned));
  }

  set speaking(speaking: boolean) {
    this.element.classList.toggle('speaking', speaking);
  }

  addStreams(streams: StageStream<any>[]): void {
    this.streams.push(...streams);
    for (const { mediaStreamTrack: track } of streams) if (!this.own || track.kind === 'video') this.media.addTrack(track);
    this.play();
  }

  removeStreams(streams: StageStream<any>[]): void {
    this.streams = this.streams.filter((s) => !streams.includes(s));
    for (const { mediaStreamTrack } of streams) this.media.removeTrack(mediaStreamTrack);
  }

  /** Shows another track for the video: what is sent has changed. */
  showTrack(track: MediaStreamTrack | undefined): void {
    if (track && this.media.getVideoTracks()[0] === track) return;
    for (const old of this.media.getVideoTracks()) this.media.removeTrack(old);
    if (track) this.media.addTrack(track);
    this.play();
  }

  /** Plays; where the browser refuses audio before a gesture, the picture alone. */
  play(): void {
    this.video.muted = this.own;
    this.video.play().catch((error: DOMException) => {
      if (error.name !== 'NotAllowedError') return;
      this.video.muted = true;
      this.video.play().catch(() => {}); // the next gesture plays it
      this.listener.silenced();
    });
  }

  /** Shows who it is, and why there is no picture. */
  describe(info: Pick<StageParticipantInfo, 'audioMuted'>, name: string, reason: NoPictureReason | undefined, addition = ''): void {
    this.nameLine.textContent = this.nameLine.title = name + addition;
    this.video.setAttribute('aria-label', `Video of ${name}`);
    this.layers.setAttribute('aria-label', `Quality of ${name}`);
    this.pin.setAttribute('aria-label', `Keep ${name} in the spotlight`);
    this.avatar.textContent = initialsOf(name);
    this.note.textContent = reason ? noPicture[reason] : '';
    this.element.classList.toggle('without', reason !== undefined);
    const silent = info.audioMuted || !this.streams.some(({ streamType }) => streamType === StreamType.AUDIO);
    setIcon(this.microphone, silent ? 'mic-off' : 'mic');
    this.microphone.classList.toggle('off', silent);
    find('.label', this.microphone).textContent = silent ? 'Microphone off' : 'Microphone on';
    this.showLayers();
  }

  /** Offers the layers of the video, if there are several. */
  showLayers(): void {
    const video = this.streams.find(({ streamType }) => streamType === StreamType.VIDEO) as RemoteStageStream | undefined;
    const layers = this.own ? [] : (video?.getLayers() ?? []);
    this.layers.hidden = layers.length < 2;
    const selected = layers.length > 1 ? video?.getSelectedLayer() : undefined;
    setOptions(this.layers, [
      { value: '', text: selected ? `Auto (${selected.height}p)` : 'Auto' },
      ...layers.map(({ label, height }) => ({ value: label, text: height ? `${height}p` : label })),
    ]);
  }

  async measure(): Promise<void> {
    const figures = await this.statistics.measure(this.streams);
    this.figures.textContent = figures.join(' · ');
  }

  hideFigures(): void {
    this.figures.textContent = '';
  }

  remove(): void {
    this.video.srcObject = null;
    this.element.remove();
  }
}
