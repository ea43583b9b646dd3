import { LocalStageStream, Stage, StageEvents, StageLeftReason, SubscribeType, openScreen } from 'rostrum-sdk';

import { claimsOf } from './link.ts';
import type { Device } from './local-media.ts';

/** A shared screen: as a participant of its own where there is a token for it, otherwise in place of the camera. */
export class SharedScreen {
  private stage: Stage | undefined;
  private cameraWasMuted: boolean | undefined; // undefined unless the screen takes the camera's place
  private open = true;

  private constructor(
    private readonly tracks: MediaStreamTrack[],
    private readonly camera: Device,
    private readonly token: string | undefined,
    private readonly stopped: (error?: unknown) => void,
  ) {}

  /** Asks what to share, and shares it until the signal. It is undefined if sharing stopped before it came about. */
  static async start(camera: Device, token: string | undefined, signal: AbortSignal, stopped: (error?: unknown) => void): Promise<SharedScreen | undefined> {
    const tracks = await openScreen();
    if (signal.aborted) {
      for (const track of tracks) track.stop();
      return undefined;
    }
    const screen = new SharedScreen(tracks, camera, token, stopped);
    screen.video.contentHint = 'detail';
    screen.video.addEventListener('ended', () => screen.stop());
    signal.addEventListener('abort', () => screen.stop());
    try {
      await (token ? screen.publish(token) : screen.replaceCamera());
    } catch (error) {
      screen.stop(error);
      throw error;
    }
    return screen.open ? screen : undefined;
  }

  get video(): MediaStreamTrack {
    return this.tracks.find(({ kind }) => kind === 'video')!;
  }

  /** The participant that the screen is; undefined in place of the camera. */
  get participantId(): string | undefined {
    return this.token && claimsOf(this.token)?.jti;
  }

  stop(error?: unknown): void {
    if (!this.open) return;
    this.open = false;
    for (const track of this.tracks) track.stop();
    this.stage?.leave();
    if (this.cameraWasMuted !== undefined) {
      void this.camera.replace();
      this.camera.stream?.setMuted(this.cameraWasMuted || !this.camera.isOpen);
    }
    this.stopped(error);
  }

  private async publish(token: string): Promise<void> {
    const streams = this.tracks.map((track) => new LocalStageStream(track, track.kind === 'video' ? { simulcast: { enabled: true } } : { stereo: true, maxAudioBitrateKbps: 96 }));
    this.stage = new Stage(token, {
      stageStreamsToPublish: () => streams,
      shouldPublishParticipant: () => true,
      shouldSubscribeToParticipant: () => SubscribeType.NONE,
    });
    this.stage.on(StageEvents.ERROR, (error) => this.stop(error));
    this.stage.on(StageEvents.STAGE_LEFT, (reason) => this.stop(reason === StageLeftReason.USER_INITIATED ? undefined : new Error('its token is not accepted any more.')));
    await this.stage.join();
  }

  private async replaceCamera(): Promise<void> {
    const { camera } = this;
    this.cameraWasMuted = camera.stream?.isMuted ?? false;
    await camera.replace(this.video);
    if (this.open) camera.stream?.setMuted(false);
  }
}
