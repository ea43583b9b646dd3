import {
  NoPictureReason, type RemoteStageStream, Stage, StageConnectionState, type StageError, StageEvents, StageLeftReason,
  type StageParticipantInfo, StageParticipantPublishState as PublishState, type StageStrategy, SubscribeType, setSpeaker,
} from 'rostrum-sdk';

import { Board } from './board.ts';
import type { Link } from './link.ts';
import type { Device } from './local-media.ts';
import { SharedScreen } from './screen.ts';
import { type Ending, describeFailure, describeLeft } from './sentences.ts';
import { Tile, type TileListener } from './tile.ts';

/** How much of others is received. */
export type Receive = 'best' | 'lowest' | 'audio';

/** What a call tells the page. */
export interface CallListener {
  /** Something that the page shows is different. */
  changed(): void;
  /** Something happened that a screen reader says, too. */
  happened(text: string): void;
  failed(text: string, retry?: () => void): void;
  silenced(): void;
  ended(ending: Ending): void;
}

/** A call on a stage, and its tiles. */
export class Call {
  readonly board = new Board();
  readonly stage: Stage;
  screen: SharedScreen | undefined;
  private readonly closing = new AbortController();
  private startsScreen = false;
  private readonly chosenLayers = new Map<string, string>(); // by participant id
  private speaker = ''; // the id of the device
  private publishState = PublishState.NOT_PUBLISHED;
  private readonly tileListener: TileListener;

  constructor(
    readonly link: Link,
    private readonly camera: Device,
    private readonly microphone: Device,
    public receive: Receive,
    private readonly listener: CallListener,
  ) {
    this.tileListener = {
      pinned: (tile) => {
        this.board.pin(this.board.isPinned(tile) ? undefined : tile);
        listener.changed();
      },
      layerChosen: (tile, label) => {
        this.chosenLayers.set(tile.id, label);
        this.stage.refreshStrategy();
      },
      resized: () => this.board.arrange(),
      silenced: () => listener.silenced(),
    };
    this.stage = new Stage(link.token, this.strategy());
    this.listen();
  }

  async join(): Promise<void> {
    await this.stage.join();
    this.showLocal();
  }

  leave(): void {
    this.stage.leave();
  }

  /** All participants that are not this page's own screen. */
  get participants(): StageParticipantInfo[] {
    return this.stage.participants.filter(({ id }) => id !== this.screen?.participantId);
  }

  /** The strategy's answers are different: a device came or went, or something else is to be received. */
  refresh(): void {
    this.stage.refreshStrategy();
    this.showLocal();
  }

  /** Shows and sends what the devices have now. */
  showLocal(): void {
    const { localParticipant: info } = this.stage;
    if (!info || this.stage.connectionState === StageConnectionState.DISCONNECTED) return;
    const { stream } = this.camera;
    const publishes = this.streams.length > 0;
    const tile = this.board.find(info.id) ?? (publishes ? this.addTile(info.id, true) : undefined);
    if (!tile) return;
    tile.showTrack(stream?.mediaStreamTrack);
    tile.mirrored = !this.screen || this.screen.participantId !== undefined;
    const reason = !stream ? NoPictureReason.AUDIO_ONLY : stream.isMuted ? NoPictureReason.VIDEO_STOPPED : undefined;
    tile.describe({ audioMuted: this.microphone.stream?.isMuted ?? true }, nameOf(info), reason, ` (you)${publishNotes[this.publishState] ?? ''}`);
    this.listener.changed();
  }

  /** Has others heard on another speaker. */
  async useSpeaker(id: string): Promise<void> {
    this.speaker = id;
    await Promise.all(this.board.all.filter(({ own }) => !own).map(({ video }) => setSpeaker(video, id)));
  }

  /** Shares one screen at a time. A token that works is used from then on. */
  async shareScreen(token: string | undefined): Promise<void> {
    if (this.screen || this.startsScreen) return;
    this.startsScreen = true;
    try {
      this.screen = await SharedScreen.start(this.camera, token, this.closing.signal, (error) => this.screenStopped(error));
    } finally {
      this.startsScreen = false;
    }
    if (!this.screen) return;
    this.link.screen = token;
    const id = this.screen.participantId;
    if (id) {
      const known = this.board.find(id);
      if (known) this.board.remove(known);
      const tile = this.addTile(id, true);
      tile.showTrack(this.screen.video);
      tile.describe({ audioMuted: true }, 'Your screen', undefined);
    }
    this.refresh();
  }

  /** Ends everything that the page shows of the call. */
  close(): void {
    this.closing.abort();
    this.board.close();
  }

  private get streams() {
    return [this.microphone.stream, this.camera.stream].filter((stream) => stream !== undefined);
  }

  private strategy(): StageStrategy {
    return {
      stageStreamsToPublish: () => this.streams,
      shouldPublishParticipant: () => true,
      shouldSubscribeToParticipant: ({ id }) => {
        if (id === this.screen?.participantId) return SubscribeType.NONE;
        return this.receive === 'audio' ? SubscribeType.AUDIO_ONLY : SubscribeType.AUDIO_VIDEO;
      },
      preferredLayerForStream: ({ id }, stream: RemoteStageStream) => {
        if (isUnseen() || (this.receive === 'lowest' && !this.chosenLayers.get(id))) return stream.getLowestQualityLayer();
        return this.chosenLayers.get(id) || undefined;
      },
    };
  }

  private listen(): void {
    const { stage, listener } = this;
    document.addEventListener('visibilitychange', () => stage.refreshStrategy(), { signal: this.closing.signal });
    const show = (info: StageParticipantInfo, ..._: unknown[]): void => this.show(info);
    for (const event of [
      StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, StageEvents.STAGE_STREAM_MUTE_CHANGED,
      StageEvents.STAGE_STREAM_LAYERS_CHANGED, StageEvents.STAGE_STREAM_LAYER_SELECTED, StageEvents.STAGE_PARTICIPANT_PICTURE_CHANGED,
    ] as const) stage.on(event, show);
    stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (info, state) => {
      if (info.isLocal) this.publishState = state;
      show(info);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (info) => {
      if (!info.isLocal && stage.connectionState === StageConnectionState.CONNECTED) listener.happened(`${nameOf(info)} joined`);
      show(info);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, (info) => {
      this.removeTile(info.id);
      if (!info.isLocal && stage.connectionState === StageConnectionState.CONNECTED) listener.happened(`${nameOf(info)} left`);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (info, streams) => {
      const tile = this.board.find(info.id) ?? this.addTile(info.id, info.isLocal);
      tile.addStreams(streams);
      show(info);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (info, streams) => {
      this.board.find(info.id)?.removeStreams(streams);
      show(info);
    });
    stage.on(StageEvents.STAGE_ACTIVE_SPEAKER_CHANGED, (info) => this.board.setSpeaker(info?.id));
    stage.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, () => listener.changed());
    let last: StageError | undefined;
    stage.on(StageEvents.ERROR, (error) => {
      last = error;
      if (error.category !== 'JOIN_ERROR') listener.failed(describeFailure(error), () => this.refresh());
    });
    stage.on(StageEvents.STAGE_LEFT, (reason, error) => {
      this.close();
      listener.ended(describeLeft(reason, error ?? (reason === StageLeftReason.UNKNOWN ? last : undefined), this.link.claims));
    });
  }

  /** Shows a participant as it is now. */
  private show(info: StageParticipantInfo): void {
    if (info.isLocal) return this.showLocal();
    if (info.id === this.screen?.participantId) return;
    const tile = this.board.find(info.id) ?? (info.isPublishing ? this.addTile(info.id, false) : undefined);
    if (tile && !info.isPublishing) this.removeTile(info.id);
    else tile?.describe(info, nameOf(info), this.stage.whyNoPicture(info.id));
    if (tile?.hasPicture) this.board.arrange();
    this.listener.changed();
  }

  private addTile(id: string, own: boolean): Tile {
    const tile = new Tile(id, own, this.tileListener);
    if (!own && this.speaker) setSpeaker(tile.video, this.speaker).catch(() => {}); // the device is gone
    this.board.add(tile);
    return tile;
  }

  private removeTile(id: string): void {
    const tile = this.board.find(id);
    if (tile) this.board.remove(tile);
    this.listener.changed();
  }

  private screenStopped(error: unknown): void {
    const id = this.screen?.participantId;
    this.screen = undefined;
    if (id) this.removeTile(id);
    if (error) {
      this.link.screen = undefined; // another token, or none, may do better
      this.listener.failed(`The screen is not shared: ${(error as Error).message}`);
    }
    this.refresh();
  }
}

/** Whether nobody sees the page's videos: small ones do then, and are there when somebody looks again. */
const isUnseen = (): boolean => document.hidden && !document.pictureInPictureElement;

/** What is said beside one's own name. */
const publishNotes: Partial<Record<PublishState, string>> = { [PublishState.ATTEMPTING_PUBLISH]: ' · connecting …', [PublishState.ERRORED]: ' · not sent' };

/** What a participant is called. */
export const nameOf = ({ attributes, userId, id }: Pick<StageParticipantInfo, 'attributes' | 'userId' | 'id'>): string => attributes['name'] || userId || id;
