import {
  type AnyStageStream,
  LocalStageStream,
  LocalStageStreamEvents,
  type NoPictureReason,
  type Stage,
  StageConnectionState,
  type StageError,
  type StageEventMap,
  StageEvents,
  type StageLeftReason,
  type StageParticipantInfo,
} from './index.ts';

/** A participant at one moment. It is the same object until something of it changes. */
export interface ParticipantView {
  readonly info: StageParticipantInfo;
  readonly streams: readonly AnyStageStream[];
  readonly noPicture: NoPictureReason | undefined;
}

/** A stage at one moment. */
export interface StageView {
  readonly connectionState: StageConnectionState;
  /** All that joined, this one first. */
  readonly participants: readonly ParticipantView[];
  readonly activeSpeaker: StageParticipantInfo | undefined;
  /** The last error; none after the stage is connected again. */
  readonly error: StageError | undefined;
  readonly leftReason: StageLeftReason | undefined;
}

export const noStage: StageView = {
  connectionState: StageConnectionState.DISCONNECTED,
  participants: [],
  activeSpeaker: undefined,
  error: undefined,
  leftReason: undefined,
};

/** Keeps a view of a stage up to date. */
export class StageStore {
  private view = noStage;
  private readonly listeners = new Set<() => void>();

  /** The stage has not been joined. */
  constructor(private readonly stage: Stage) {
    const E = StageEvents;
    this.on(E.STAGE_CONNECTION_STATE_CHANGED, (connectionState) => {
      const connected = connectionState === StageConnectionState.CONNECTED;
      this.set(connected ? { connectionState, error: undefined, leftReason: undefined } : { connectionState });
    });
    this.on(E.ERROR, (error) => this.set({ error }));
    this.on(E.STAGE_LEFT, (leftReason) => this.set({ leftReason, participants: [], activeSpeaker: undefined }));
    this.on(E.STAGE_PARTICIPANT_JOINED, (info) => this.change(info));
    this.on(E.STAGE_PARTICIPANT_LEFT, ({ id }) => this.set({ participants: this.view.participants.filter(({ info }) => info.id !== id) }));
    this.on(E.STAGE_PARTICIPANT_STREAMS_ADDED, (info, added) => {
      for (const stream of added) if (stream instanceof LocalStageStream) stream.on(LocalStageStreamEvents.TRACK_CHANGED, this.trackChanged);
      this.change(info, (streams) => [...streams, ...added]);
    });
    this.on(E.STAGE_PARTICIPANT_STREAMS_REMOVED, (info, removed) => {
      for (const stream of removed) if (stream instanceof LocalStageStream) stream.off(LocalStageStreamEvents.TRACK_CHANGED, this.trackChanged);
      this.change(info, (streams) => streams.filter((s) => !removed.includes(s)));
    });
    this.on(E.STAGE_ACTIVE_SPEAKER_CHANGED, (activeSpeaker) => this.set({ activeSpeaker }));
    for (const event of [
      E.STAGE_PARTICIPANT_METADATA_CHANGED,
      E.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED,
      E.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED,
      E.STAGE_PARTICIPANT_PICTURE_CHANGED,
      E.STAGE_STREAM_MUTE_CHANGED,
    ] as const) {
      this.on(event, (...[info]: [StageParticipantInfo, ...unknown[]]) => this.change(info));
    }
  }

  readonly get = (): StageView => this.view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private readonly trackChanged = (): void => this.change(this.stage.localParticipant!);

  /** What became of joining is an error like any other. */
  failed(error: StageError): void {
    this.set({ error });
  }

  private on<E extends keyof StageEventMap>(event: E, listener: StageEventMap[E]): void {
    this.stage.on(event, listener);
  }

  private set(changes: Partial<StageView>): void {
    this.view = { ...this.view, ...changes };
    for (const listener of [...this.listeners]) listener();
  }

  /** Makes a new view of one participant. */
  private change(info: StageParticipantInfo, streamsOf: (streams: readonly AnyStageStream[]) => readonly AnyStageStream[] = (s) => s): void {
    const { participants } = this.view;
    const before = participants.find((p) => p.info.id === info.id);
    const noPicture = info.isLocal ? undefined : this.stage.whyNoPicture(info.id);
    const view = { info, streams: streamsOf(before?.streams ?? []), noPicture };
    this.set({ participants: before ? participants.map((p) => (p === before ? view : p)) : [...participants, view] });
  }
}
