import type { Capability, Participant } from './wire.ts';

export type StageParticipantCapabilities = Capability;

/** A participant as the application sees it. It is one object as long as the participant stays, kept up to date. */
export interface StageParticipantInfo {
  readonly id: string;
  readonly userId: string;
  readonly attributes: Record<string, string>;
  /** For the application's own use. */
  readonly userInfo: Record<string, unknown>;
  readonly capabilities: Set<StageParticipantCapabilities>;
  readonly isLocal: boolean;
  readonly isPublishing: boolean;
  readonly audioMuted: boolean;
  readonly videoStopped: boolean;
}

/** The same for those that keep it up to date. */
export class ParticipantInfo implements StageParticipantInfo {
  userId = '';
  attributes: Record<string, string> = {};
  readonly userInfo: Record<string, unknown> = {};
  capabilities = new Set<StageParticipantCapabilities>();
  isPublishing = false;
  audioMuted = false;
  videoStopped = false;

  constructor(
    readonly id: string,
    readonly isLocal: boolean,
  ) {}

  /** Takes over what does not change with the media; reports whether anything was different. */
  setMetadata({ userId, attributes, capabilities }: Pick<Participant, 'userId' | 'attributes' | 'capabilities'>): boolean {
    const before = this.metadata();
    this.userId = userId ?? '';
    this.attributes = attributes ?? {};
    this.capabilities = new Set(capabilities);
    return before !== this.metadata();
  }

  private metadata(): string {
    const sorted = Object.entries(this.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([this.userId, sorted, [...this.capabilities].sort()]);
  }
}
