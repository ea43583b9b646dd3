import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useEffect, useRef, useState } from 'react';
import type * as Sdk from 'rostrum-sdk';

import { call } from '../api/client.ts';
import { ActionButton } from './action-button.tsx';

/** How long the token of a viewer in the console is valid, in minutes: it is used at once. */
const tokenMinutes = 5;

let loading: Promise<typeof Sdk> | undefined;

/** The browser SDK, as the server serves it. */
function loadSdk(): Promise<typeof Sdk> {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: '/sdk/rostrum.js' });
    script.onload = () => resolve((globalThis as unknown as { IVSBroadcastClient: typeof Sdk }).IVSBroadcastClient);
    script.onerror = () => {
      loading = undefined;
      reject(new Error('The browser SDK can not be loaded.'));
    };
    document.head.append(script);
  });
  return loading;
}

interface Seen {
  id: string;
  name: string;
  media: MediaStream;
}

type State = { kind: 'off' } | { kind: 'joining' } | { kind: 'on' } | { kind: 'failed'; why: string };

/** Shows who publishes on a stage. The viewer has a token of its own, that can only subscribe. */
export function Watch({ stageArn }: { stageArn: string }) {
  const [state, setState] = useState<State>({ kind: 'off' });
  const [seen, setSeen] = useState<Seen[]>([]);
  const [speaker, setSpeaker] = useState<string>();
  const stage = useRef<Sdk.Stage>(undefined);
  const leave = () => {
    stage.current?.leave();
    stage.current = undefined;
    setSeen([]);
    setState({ kind: 'off' });
  };
  const gone = useRef(false); // nobody would leave a stage that is joined then
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      stage.current?.leave();
    };
  }, []);
  const watch = async () => {
    setState({ kind: 'joining' });
    try {
      const [sdk, { participantToken }] = await Promise.all([
        loadSdk(),
        call('CreateParticipantToken', { stageArn, duration: tokenMinutes, capabilities: ['SUBSCRIBE'], userId: 'console', attributes: { name: 'Console' } }),
      ]);
      if (gone.current) return;
      const joined = new sdk.Stage(participantToken!.token!, {
        stageStreamsToPublish: () => [],
        shouldPublishParticipant: () => false,
        shouldSubscribeToParticipant: () => sdk.SubscribeType.AUDIO_VIDEO,
        subscribeConfiguration: () => ({ simulcast: { initialLayerPreference: sdk.InitialLayerPreference.LOWEST_QUALITY } }),
      });
      const { StageEvents } = sdk;
      joined.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant, streams) => {
        const media = new MediaStream(streams.map((s) => s.mediaStreamTrack));
        setSeen((all) => [...all.filter((s) => s.id !== participant.id), { id: participant.id, name: String(participant.attributes?.name || participant.userId || participant.id), media }]);
      });
      joined.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, ({ id }) => setSeen((all) => all.filter((s) => s.id !== id)));
      joined.on(StageEvents.STAGE_ACTIVE_SPEAKER_CHANGED, (participant) => setSpeaker(participant?.id));
      joined.on(StageEvents.STAGE_LEFT, () => stage.current === joined && leave());
      stage.current = joined;
      await joined.join();
      setState({ kind: 'on' });
    } catch (e) {
      stage.current?.leave();
      stage.current = undefined;
      setState({ kind: 'failed', why: (e as Error).message });
    }
  };
  const button = state.kind === 'on' ? <Button onClick={leave}>Stop</Button> : <ActionButton action="CreateParticipantToken" on={stageArn} iconName="play" loading={state.kind === 'joining'} onClick={watch}>Watch</ActionButton>;
  return (
    <Container
      header={
        <Header variant="h2" actions={button} description="Muted, in low quality. While you watch, participants see you as “Console”.">
          Live
        </Header>
      }
    >
      {state.kind === 'failed' && <Alert type="error">{state.why}</Alert>}
      {state.kind === 'off' && <Box color="text-body-secondary">Watch shows who publishes now.</Box>}
      {(state.kind === 'joining' || (state.kind === 'on' && seen.length === 0)) && (
        <SpaceBetween direction="horizontal" size="xs">
          {state.kind === 'joining' ? <Spinner /> : null}
          <Box color="text-body-secondary">{state.kind === 'joining' ? 'Joining' : 'Nobody publishes.'}</Box>
        </SpaceBetween>
      )}
      <div className="tiles">
        {seen.map((s) => (
          <Tile key={s.id} seen={s} speaking={s.id === speaker} />
        ))}
      </div>
    </Container>
  );
}

function Tile({ seen, speaking }: { seen: Seen; speaking: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = seen.media;
  }, [seen.media]);
  return (
    <figure className="tile" data-speaking={speaking}>
      <video ref={video} autoPlay playsInline muted aria-label={`Video of ${seen.name}`} />
      <figcaption>{seen.name}</figcaption>
    </figure>
  );
}
