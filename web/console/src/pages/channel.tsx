import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect, useState } from 'react';

import type { Channel as ChannelOutput, Stream } from '../api/channels.ts';
import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { span, time, words } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { ChannelForm } from '../parts/channel-form.tsx';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Player } from '../parts/player.tsx';
import { Problem } from '../parts/problem.tsx';
import { ResourcePage } from '../parts/resource-page.tsx';
import { useArn } from '../parts/session.ts';
import { StreamHealth, streamOf } from '../parts/stream-health.tsx';
import { StreamKeyOf } from '../parts/stream-key.tsx';
import { Tags } from '../parts/tags.tsx';
import { channelDeletion } from './channels.tsx';

/** How often the stream is looked at, in ms. */
const refresh = 5000;

export default function Channel({ id }: { id: string }) {
  const arn = useArn('channel', id);
  const loaded = useLoad((signal) => call('GetChannel', { arn }, signal), [arn]);
  const stream = useLoad((signal) => streamOf(arn, signal), [arn]);
  const [dialog, setDialog] = useState<'stop' | 'change'>();
  const { reload } = stream;
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), refresh);
    return () => clearInterval(timer);
  }, [reload]);
  const live = stream.value;
  const stop = { channelArn: arn };
  return (
    <ResourcePage
      section={['Channels', '/channels']}
      what="the channel"
      id={id}
      loaded={loaded}
      resource={loaded.value?.channel}
      info={live ? <StatusIndicator>Live</StatusIndicator> : live === null && <StatusIndicator type="stopped">Offline</StatusIndicator>}
      deletion={channelDeletion}
      actions={
        <>
          <ActionButton action="UpdateChannel" on={arn} disabled={!!live} disabledReason="A channel can be changed while it is offline." onClick={() => setDialog('change')}>
            Change
          </ActionButton>
          <ActionButton action="StopStream" on={arn} disabled={!live} onClick={() => setDialog('stop')}>
            Stop stream
          </ActionButton>
        </>
      }
    >
      {(channel) => (
        <>
          {stream.error && <Problem what="Reading the stream" error={stream.error} retry={reload} />}
          <Watch channel={channel} live={live} />
          <Facts channel={channel} live={live} />
          <StreamKeyOf channel={channel} />
          {dialog === 'change' && <ChannelForm channel={channel} close={() => setDialog(undefined)} changed={loaded.reload} />}
          {dialog === 'stop' && (
            <Confirm title="Stop the stream?" action="Stop" done="The stream is stopped." line={cliLine('StopStream', stop)} run={() => call('StopStream', stop).then(reload)} close={() => setDialog(undefined)}>
              The encoder is disconnected. It may connect again, unless its stream key is replaced first.
            </Confirm>
          )}
        </>
      )}
    </ResourcePage>
  );
}

function Watch({ channel, live }: { channel: ChannelOutput; live: Stream | null | undefined }) {
  return (
    <Container header={<Header variant="h2">Player</Header>}>
      {live ? <Player url={channel.playbackUrl} title={`Player of ${channel.name || 'the channel'}`} /> : <Box color="text-body-secondary">The channel is offline. It is played here as soon as an encoder sends.</Box>}
    </Container>
  );
}

function Facts({ channel, live }: { channel: ChannelOutput; live: Stream | null | undefined }) {
  return (
    <Container footer={<CliLine line={cliLine('GetChannel', { arn: channel.arn })} />}>
      <SpaceBetween size="l">
        <KeyValuePairs
          columns={4}
          items={[
            { label: 'Health', value: live ? <StreamHealth live={live} /> : '–' },
            { label: 'Viewers', value: live && live.viewerCount >= 0 ? live.viewerCount : '–' },
            { label: 'Live since', value: time(live?.startTime) },
            { label: 'Live for', value: span(live?.startTime) },
            { label: 'Stream', value: live?.streamId ?? '–' },
            { label: 'Latency', value: words(channel.latencyMode) },
            { label: 'Type', value: words(channel.type) },
            { label: 'Insecure ingest', value: channel.insecureIngest ? 'Yes' : 'No' },
          ]}
        />
        <KeyValuePairs
          columns={2}
          items={[
            { label: 'Playback address', value: <Copyable text={channel.playbackUrl} what="playback address" /> },
            { label: 'ARN', value: <Copyable text={channel.arn} what="ARN" /> },
            { label: 'Ingest endpoint', value: <Copyable text={channel.ingestEndpoint} what="ingest endpoint" /> },
            { label: 'Tags', value: <Tags tags={channel.tags} /> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}
