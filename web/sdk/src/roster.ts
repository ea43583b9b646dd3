import { EarlySubscriptions } from './early.ts';
import { report } from './emitter.ts';
import { StageEvents } from './events.ts';
import type { MediaServer } from './media.ts';
import { ParticipantInfo, type StageParticipantInfo } from './participant.ts';
import { StageParticipantPublishState as PublishState } from './events.ts';
import { NoPictureReason } from './picture.ts';
import type { Stage } from './stage.ts';
import { type StageStrategy, SubscribeType } from './strategy.ts';
import { StreamType } from './stream.ts';
import { Subscription, type SubscriptionOwner } from './subscription.ts';
import type { Layer, MuteChanged, Participant, ServerMessage } from './wire.ts';

/** The other participants, and what is received of each. */
export class Roster {
  private readonly members = new Map<string, Subscription>(); // by participant id
  private early: EarlySubscriptions | undefined; // until the first state comes
  private readonly layers = new Map<string, Layer[]>(); // by participant id, also of those that are not known yet
  private readonly owner: SubscriptionOwner;
  private speaker: string | undefined;

  constructor(
    private readonly local: StageParticipantInfo,
    private readonly server: MediaServer,
    private readonly stage: Pick<Stage, 'emit'>,
    private readonly strategy: () => StageStrategy,
    private readonly maySubscribe: () => boolean,
  ) {
    this.owner = this.subscriptionOwner();
  }

  get participants(): StageParticipantInfo[] {
    return [...this.members.values()].map(({ info }) => info);
  }

  /** The connections on which media are received. */
  get peers(): RTCPeerConnection[] {
    return [...this.members.values()].flatMap(({ peer }) => peer ?? []);
  }

  whyNoPicture(id: string): NoPictureReason | undefined {
    const member = this.members.get(id);
    if (!member) return NoPictureReason.NOT_ON_STAGE;
    return this.maySubscribe() ? member.noPicture : NoPictureReason.NOT_ALLOWED;
  }

  /** Asks the strategy of all again. */
  refresh(): void {
    for (const member of this.members.values()) this.subscribe(member);
  }

  renew(): void {
    for (const member of this.members.values()) member.renew();
  }

  networkChanged(): void {
    for (const member of this.members.values()) member.networkChanged();
  }

  /** This participant publishes now, or no longer. */
  localPublishChanged(): void {
    for (const member of this.members.values()) member.setMinDelay();
  }

  /** Asks for the first publishers before the state says who they are. */
  expect(publishers: number): void {
    this.early = new EarlySubscriptions(this.server, publishers);
  }

  /** Removes all participants. */
  clear(leaving = false): void {
    this.endEarly();
    for (const id of [...this.members.keys()]) this.remove(id, leaving);
    this.layers.clear();
    this.speaker = undefined;
  }

  /** Takes over the whole state; from a new link it may be another server's. */
  setParticipants(participants: Participant[], fresh: boolean): void {
    if (fresh && this.speaker) this.setSpeaker(''); // nobody said when that ended; the server names who speaks
    const present = new Set(participants.map(({ id }) => id));
    for (const id of [...this.members.keys()]) if (!present.has(id)) this.remove(id);
    let publishers = 0;
    for (const participant of participants) {
      const place = participant.isPublishing && participant.id !== this.local.id ? ++publishers : Infinity;
      this.set(participant, place <= (this.early?.count ?? 0) ? this.early : undefined);
    }
    this.endEarly();
    if (fresh) for (const member of this.members.values()) member.verify();
  }

  receive(message: ServerMessage): void {
    switch (message.type) {
      case 'PARTICIPANT_JOINED':
        return this.set(message.payload);
      case 'PARTICIPANT_LEFT':
        return this.remove(message.payload.participantId);
      case 'PUBLISH_STATE':
        return this.set({ ...message.payload.participant, isPublishing: message.payload.isPublishing });
      case 'MUTE_CHANGED':
        return this.setMute(message.payload);
      case 'METADATA_CHANGED': {
        const member = this.members.get(message.payload.participantId);
        if (member?.info.setMetadata(message.payload)) this.metadataChanged(member);
        return;
      }
      case 'LAYERS':
        this.layers.set(message.payload.participantId, message.payload.layers);
        return this.members.get(message.payload.participantId)?.setLayers(message.payload.layers);
      case 'LAYER_SELECTED':
        return this.members.get(message.payload.participantId)?.layerSelected(message.payload);
      case 'ACTIVE_SPEAKER':
        return this.setSpeaker(message.payload.participantId);
    }
  }

  /** Adds a participant, or brings one up to date. */
  private set(participant: Participant, early?: EarlySubscriptions): void {
    if (participant.id === this.local.id) return;
    const known = this.members.get(participant.id);
    const member = known ?? new Subscription(new ParticipantInfo(participant.id, false), this.server, this.owner);
    const { info } = member;
    const changed = info.setMetadata(participant);
    const publishes = known ? info.isPublishing !== participant.isPublishing : participant.isPublishing;
    info.isPublishing = participant.isPublishing;
    if (!known) {
      Object.assign(info, { audioMuted: participant.audioMuted, videoStopped: participant.videoStopped });
      this.members.set(info.id, member);
      member.setLayers(this.layers.get(info.id) ?? []);
      this.stage.emit(StageEvents.STAGE_PARTICIPANT_JOINED, info);
    } else if (changed) this.metadataChanged(member);
    if (publishes) this.stage.emit(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, info, info.isPublishing ? PublishState.PUBLISHED : PublishState.NOT_PUBLISHED);
    if (known) this.setMute({ ...participant, participantId: info.id });
    this.subscribe(member, early);
  }

  private endEarly(): void {
    this.early?.close();
    this.early = undefined;
  }

  private remove(id: string, leaving = false): void {
    const member = this.members.get(id);
    if (!member) return;
    this.members.delete(id);
    this.layers.delete(id);
    const { info } = member;
    const published = info.isPublishing;
    info.isPublishing = false;
    member.stop(leaving);
    if (published) this.stage.emit(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, info, PublishState.NOT_PUBLISHED);
    this.stage.emit(StageEvents.STAGE_PARTICIPANT_LEFT, info);
    if (this.speaker === id) this.setSpeaker('');
  }

  private metadataChanged(member: Subscription): void {
    this.stage.emit(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, member.info);
  }

  private setMute({ participantId, audioMuted, videoStopped }: MuteChanged): void {
    const member = this.members.get(participantId);
    if (!member) return;
    const { info } = member;
    const changed = [info.audioMuted !== audioMuted && StreamType.AUDIO, info.videoStopped !== videoStopped && StreamType.VIDEO];
    Object.assign(info, { audioMuted, videoStopped });
    for (const type of changed) {
      const stream = type && member.stream(type);
      if (stream) this.stage.emit(StageEvents.STAGE_STREAM_MUTE_CHANGED, info, stream);
    }
    member.muteChanged();
  }

  private setSpeaker(id: string): void {
    this.speaker = id || undefined;
    this.stage.emit(StageEvents.STAGE_ACTIVE_SPEAKER_CHANGED, this.members.get(id)?.info);
  }

  private subscribe(member: Subscription, early?: EarlySubscriptions): void {
    try {
      member.subscribe(this.maySubscribe() ? this.strategy().shouldSubscribeToParticipant(member.info) : SubscribeType.NONE, early);
    } catch (error) {
      report(error); // of the application's strategy
    }
  }

  private subscriptionOwner(): SubscriptionOwner {
    const { stage } = this;
    return {
      localPublishes: () => this.local.isPublishing,
      configuration: (info) => this.strategy().subscribeConfiguration?.(info) ?? {},
      preferredLayer: (info, stream) => {
        const layer = this.strategy().preferredLayerForStream?.(info, stream);
        return typeof layer === 'object' ? layer?.label : layer;
      },
      stateChanged: (info, state) => stage.emit(StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, info, state),
      streamsAdded: (info, streams) => stage.emit(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, info, streams),
      streamsRemoved: (info, streams) => stage.emit(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, info, streams),
      adaptionChanged: (info, stream, isAdapting) => stage.emit(StageEvents.STAGE_STREAM_ADAPTION_CHANGED, info, stream, isAdapting),
      layersChanged: (info, stream, layers) => stage.emit(StageEvents.STAGE_STREAM_LAYERS_CHANGED, info, stream, layers),
      layerSelected: (info, stream, layer, reason) => stage.emit(StageEvents.STAGE_STREAM_LAYER_SELECTED, info, stream, layer, reason),
      messageReceived: (info, message) => stage.emit(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, info, message),
      pictureChanged: (info, reason) => stage.emit(StageEvents.STAGE_PARTICIPANT_PICTURE_CHANGED, info, reason),
      failed: (error) => stage.emit(StageEvents.ERROR, error),
    };
  }
}
