import { StageError, StageErrorCategory, StageErrorCode } from './errors.ts';
import { StageEvents, StageParticipantPublishState } from './events.ts';
import { LocalStageStream } from './local-stream.ts';
import { Stage } from './stage.ts';
import type { NetworkQuality } from './stats.ts';
import { SubscribeType } from './strategy.ts';
import { StreamType } from './stream.ts';

export interface SelfTestOptions {
  /** How long media are sent, in seconds. */
  seconds?: number;
  /** How long joining and connecting may take together, in seconds. */
  timeout?: number;
}

/** What a test of publishing has found. */
export interface SelfTestReport {
  /** How far it came. With "published" all is well. */
  reached: 'nothing' | 'joined' | 'published';
  error?: StageError;
  /** Seconds from the beginning until the stage was joined, and until media flowed. */
  joinedAfter?: number;
  publishedAfter?: number;
  /** How media travel: UDP, TCP, or through the server's TURN. */
  path?: { protocol: string; relayed: boolean };
  roundTrip?: number; // seconds
  bitrate?: number; // bits per second that were sent
  loss?: number; // 0 to 1, as the server last reported
  networkQuality?: NetworkQuality;
}

/**
 * Publishes a drawn picture for some seconds, and reports how that went. The token must
 * allow to publish, and should be of a stage that nobody watches.
 */
export async function testPublishing(token: string, { seconds = 5, timeout = 20 }: SelfTestOptions = {}): Promise<SelfTestReport> {
  const began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  const report: SelfTestReport = { reached: 'nothing' };
  const picture = drawPicture();
  const stream = new LocalStageStream(picture.track);
  const stage = new Stage(token, {
    stageStreamsToPublish: () => [stream],
    shouldPublishParticipant: () => true,
    shouldSubscribeToParticipant: () => SubscribeType.NONE,
  });
  const published = new Promise<void>((resolve, reject) => {
    stage.on(StageEvents.ERROR, reject);
    stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (_, state) => {
      if (state === StageParticipantPublishState.PUBLISHED) resolve();
    });
  });
  const joined = stage.join().then(() => {
    report.reached = 'joined';
    report.joinedAfter = since();
  });
  const deadline = deadlineIn(timeout, report);
  try {
    await Promise.race([Promise.all([joined, published]), deadline.passed]);
    report.reached = 'published';
    report.publishedAfter = since();
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    await measure(stream, report, seconds);
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    report.error = error;
  } finally {
    deadline.clear();
    stage.leave();
    picture.stop();
  }
  return report;
}

/** Rejects after a time, unless it is cleared before, with an error of the step that was not done. */
function deadlineIn(seconds: number, report: SelfTestReport): { passed: Promise<never>; clear(): void } {
  let timer: ReturnType<typeof setTimeout>;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const [category, what] = report.reached === 'joined' ? [StageErrorCategory.PUBLISH_ERROR, 'No media flowed'] : [StageErrorCategory.JOIN_ERROR, 'The stage was not joined'];
      reject(new StageError(StageErrorCode.TIMEOUT, category, `${what} within ${seconds} seconds.`));
    }, 1000 * seconds);
  });
  return { passed, clear: () => clearTimeout(timer) };
}

async function measure(stream: LocalStageStream, report: SelfTestReport, seconds: number): Promise<void> {
  const entries = [...((await stream.requestRTCStats())?.values() ?? [])];
  const selected = entries.find(({ type }) => type === 'transport')?.selectedCandidatePairId; // older versions of Firefox do not have it
  const pair = entries.find(({ id, type, nominated, state }) => (selected ? id === selected : type === 'candidate-pair' && nominated && state === 'succeeded'));
  const local = entries.find(({ id }) => id === pair?.localCandidateId);
  if (local) report.path = { protocol: local.relayProtocol ?? local.protocol, relayed: local.candidateType === 'relay' };
  report.roundTrip = pair?.currentRoundTripTime;
  report.loss = entries.find(({ type, kind }) => type === 'remote-inbound-rtp' && kind === StreamType.VIDEO)?.fractionLost;
  const [quality] = (await stream.requestQualityStats()) ?? [];
  report.networkQuality = quality?.networkQuality;
  if (quality && 'bytesSent' in quality) report.bitrate = (8 * (quality.bytesSent ?? 0)) / seconds;
}

/** A picture that changes enough to be worth sending. */
function drawPicture(): { track: MediaStreamTrack; stop(): void } {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const context = canvas.getContext('2d')!;
  let frame = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 12; i++) {
      context.fillStyle = `hsl(${(frame * 7 + i * 30) % 360} 80% 50%)`;
      context.fillRect((i * 60 + frame * 5) % 640, i * 30, 60, 30);
    }
    frame++;
  }, 1000 / 30);
  const track = canvas.captureStream(30).getVideoTracks()[0]!;
  return {
    track,
    stop: () => {
      clearInterval(timer);
      track.stop();
    },
  };
}
