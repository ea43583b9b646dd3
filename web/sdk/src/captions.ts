// Captions within a video: SEI messages that a publisher sends and a viewer's page shows as
// a text track of the video element.

import { StageEvents } from './events.ts';
import type { LocalStageStream } from './local-stream.ts';
import type { StageParticipantInfo } from './participant.ts';
import { type SeiMessage, maxPayload } from './sei.ts';
import type { Stage } from './stage.ts';

/** A line of captions. */
export interface Caption {
  text: string;
  /** The same for all versions of a line that is recognised word by word; else new. */
  id?: string;
  /** BCP 47. */
  language?: string;
  /** How long it is shown, in seconds, unless the next comes before; 5 unless said otherwise. */
  duration?: number;
}

/** A caption that was received. */
export type ReceivedCaption = Required<Caption>;

const kind = 'rostrum-caption';
const usualDuration = 5; // s
const maxDuration = 60; // s
const repeats = 2; // pictures, as one may be lost
const maxCues = 200; // of a track

/** Sends a caption within a published video. The stream needs inBandMessaging. */
export async function sendCaption(stream: LocalStageStream, { text, id = crypto.randomUUID(), language = '', duration = usualDuration }: Caption): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify({ kind, id, text, language, duration }));
  if (payload.length > maxPayload) throw new RangeError(`A caption has at most ${maxPayload} bytes, this one ${payload.length}.`);
  await stream.insertSeiMessage(payload, { repeatCount: repeats });
}

/** The caption in a message; undefined if it is another message. */
export function readCaption({ payload }: SeiMessage): ReceivedCaption | undefined {
  if (new Uint8Array(payload)[0] !== 0x7b) return undefined; // no JSON object
  try {
    const all: Record<string, unknown> = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    const { id, text, language, duration } = all;
    if (all.kind !== kind || typeof id !== 'string' || typeof text !== 'string' || typeof language !== 'string' || typeof duration !== 'number') return undefined;
    return { id, text, language, duration: Math.min(Math.max(duration, 0), maxDuration) };
  } catch {
    return undefined;
  }
}

/**
 * Shows the captions of a participant in a text track of the element that plays its video.
 * The strategy's subscribeConfiguration must ask for inBandMessaging.
 */
export class CaptionTrack {
  readonly track: TextTrack;
  private last: { id: string; cue: VTTCue } | undefined;
  private cues: VTTCue[] = []; // of the track, in order of arrival: the track sorts its own by time
  private readonly received = ({ id }: StageParticipantInfo, message: SeiMessage): void => {
    const caption = id === this.participantId && readCaption(message);
    if (caption) this.show(caption);
  };

  constructor(
    private readonly stage: Pick<Stage, 'on' | 'off'>,
    private readonly participantId: string,
    private readonly video: HTMLVideoElement,
    label = 'Captions',
  ) {
    this.track = trackOf(video, label);
    this.track.mode = 'showing';
    stage.on(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, this.received);
  }

  /** Shows no more captions. An element keeps its track, which the next CaptionTrack uses. */
  close(): void {
    this.stage.off(StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED, this.received);
    this.clear();
    this.track.mode = 'disabled';
  }

  private show({ id, text, duration }: ReceivedCaption): void {
    const now = this.video.currentTime;
    if (this.last && now < this.last.cue.startTime) this.clear(); // the element plays another MediaStream, whose time begins at 0
    let start = now;
    if (this.last?.id === id) {
      start = this.last.cue.startTime;
      this.remove(this.last.cue);
    } else if (this.last) {
      this.last.cue.endTime = Math.min(this.last.cue.endTime, now);
    }
    const cue = new VTTCue(start, now + duration, plain(text));
    this.track.addCue(cue);
    this.cues.push(cue);
    this.last = { id, cue };
    if (this.cues.length > maxCues) this.remove(this.cues[0]!);
  }

  private remove(cue: VTTCue): void {
    this.cues = this.cues.filter((c) => c !== cue);
    this.track.removeCue(cue);
  }

  private clear(): void {
    for (const cue of this.cues) this.track.removeCue(cue);
    this.cues = [];
    this.last = undefined;
  }
}

/** A track that an earlier CaptionTrack left behind is used again: none can be removed. */
function trackOf(video: HTMLVideoElement, label: string): TextTrack {
  const left = [...video.textTracks].find((t) => t.kind === 'captions' && t.label === label && t.mode === 'disabled');
  return left ?? video.addTextTrack('captions', label);
}

/** Text of others, in which WebVTT finds no markup. */
const plain = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
