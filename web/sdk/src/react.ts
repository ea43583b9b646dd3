// Hooks for React: the second entry point of the package.

import { type RefCallback, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';

import { type AnyStageStream, LocalStageStream, LocalStageStreamEvents, type RealTimeConnection, Stage, type StageError, type StageStrategy } from './index.ts';
import { StageStore, type StageView, noStage } from './stage-store.ts';

export type { ParticipantView, StageView } from './stage-store.ts';

export interface JoinedStage extends StageView {
  /** Undefined until it is being joined. */
  readonly stage: Stage | undefined;
}

export interface UseStageOptions {
  /** Carries this stage beside others. */
  realTimeConnection?: RealTimeConnection;
}

/**
 * Joins a stage while the component is mounted and there is a token, and renders anew when
 * something of the stage changes. A new strategy is applied at once: make it with useMemo.
 */
export function useStage(token: string | undefined, strategy: StageStrategy, { realTimeConnection }: UseStageOptions = {}): JoinedStage {
  const latest = useRef(strategy);
  const [joined, setJoined] = useState<{ stage: Stage; store: StageStore }>();
  const [invalid, setInvalid] = useState<StageError>();

  useEffect(() => {
    latest.current = strategy;
    joined?.stage.replaceStrategy(strategy);
  }, [joined, strategy]);

  useEffect(() => {
    if (!token) return;
    let stage: Stage;
    try {
      stage = new Stage(token, latest.current, { realTimeConnection });
    } catch (error) {
      setInvalid(error as StageError);
      return () => setInvalid(undefined);
    }
    const store = new StageStore(stage);
    setJoined({ stage, store });
    stage.join().catch((error: StageError) => store.failed(error));
    return () => {
      stage.leave();
      setJoined(undefined);
    };
  }, [token, realTimeConnection]);

  const view = useSyncExternalStore(joined?.store.subscribe ?? never, joined?.store.get ?? nothing, nothing);
  return { ...view, stage: joined?.stage, error: invalid ?? view.error };
}

const never = () => () => {};
const nothing = (): StageView => noStage;

/** A ref for a video or audio element that plays streams. Mute the element of local ones. */
export function useMedia(streams: readonly AnyStageStream[]): RefCallback<HTMLMediaElement> {
  const element = useRef<HTMLMediaElement>(null);
  const wanted = useRef(streams);
  useEffect(() => {
    wanted.current = streams;
    const playAll = (): void => play(element.current, streams);
    playAll();
    const local = streams.filter((stream) => stream instanceof LocalStageStream);
    for (const stream of local) stream.on(LocalStageStreamEvents.TRACK_CHANGED, playAll);
    return () => {
      for (const stream of local) stream.off(LocalStageStreamEvents.TRACK_CHANGED, playAll);
    };
  });
  return useCallback((mounted) => {
    element.current = mounted;
    play(mounted, wanted.current); // it may be mounted after this component was
  }, []);
}

function play(element: HTMLMediaElement | null, streams: readonly AnyStageStream[]): void {
  if (!element) return;
  const tracks = streams.map((stream) => stream.mediaStreamTrack);
  const playing = (element.srcObject as MediaStream | null)?.getTracks() ?? [];
  if (playing.length === tracks.length && tracks.every((track) => playing.includes(track))) return;
  element.srcObject = tracks.length > 0 ? new MediaStream(tracks) : null;
}

/** How loud a stream is, from 0 to 1, asked for some times a second. */
export function useAudioLevel(stream: AnyStageStream | undefined, interval = 200): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    setLevel(0);
    if (!stream) return;
    let mounted = true;
    const timer = setInterval(async () => {
      const loudness = await stream.requestAudioLevel().catch(() => undefined);
      if (mounted) setLevel(loudness ?? 0);
    }, interval);
    return () => {
      mounted = false;
      clearInterval(timer);
    };
  }, [stream, interval]);
  return level;
}
