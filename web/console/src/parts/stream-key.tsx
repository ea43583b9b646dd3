import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import type { Channel } from '../api/channels.ts';
import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { useLoad } from '../hooks.ts';
import { ActionButton } from './action-button.tsx';
import { CliLine } from './cli-line.tsx';
import { Confirm } from './confirm.tsx';
import { EncoderSettings } from './encoder-settings.tsx';
import { Problem } from './problem.tsx';
import { useSession } from './session.ts';

/** The stream key of a channel, with what encoders need. It is read when it is asked for. */
export function StreamKeyOf({ channel }: { channel: Channel }) {
  const [shown, setShown] = useState(false);
  const [replacing, setReplacing] = useState(false);
  const keys = useLoad((signal) => call('ListStreamKeys', { channelArn: channel.arn }, signal), [channel.arn]);
  const arn = keys.value?.streamKeys[0]?.arn;
  const replace = async () => {
    if (arn) await call('DeleteStreamKey', { arn });
    await call('CreateStreamKey', { channelArn: channel.arn });
    keys.reload();
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Whoever has the stream key can send to the channel."
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <ActionButton action="CreateStreamKey" on={channel.arn} onClick={() => setReplacing(true)}>
                {arn ? 'Replace the key' : 'Create a key'}
              </ActionButton>
              <ActionButton action="GetStreamKey" on={arn} disabled={!arn} onClick={() => setShown(!shown)}>
                {shown ? 'Hide' : 'Show'}
              </ActionButton>
            </SpaceBetween>
          }
        >
          Encoder
        </Header>
      }
      footer={arn && <CliLine line={cliLine('GetStreamKey', { arn })} />}
    >
      {keys.error && <Problem what="Reading the stream key" error={keys.error} retry={keys.reload} />}
      {!shown && !keys.error && <Box color="text-body-secondary">{arn || keys.loading ? 'Show has the settings of encoders, with the stream key.' : 'The channel has no stream key.'}</Box>}
      {shown && arn && <Settings key={arn} channel={channel} arn={arn} />}
      {replacing && (
        <Confirm
          title={arn ? 'Replace the stream key?' : 'Create a stream key?'}
          action={arn ? 'Replace' : 'Create'}
          done="The channel has a new stream key."
          line={arn ? cliLine('DeleteStreamKey', { arn }) : cliLine('CreateStreamKey', { channelArn: channel.arn })}
          run={replace}
          close={() => setReplacing(false)}
        >
          {arn ? 'The old key is deleted: an encoder that has it can not connect again. ' : ''}The new one is shown here.
        </Confirm>
      )}
    </Container>
  );
}

function Settings({ channel, arn }: { channel: Channel; arn: string }) {
  const { rtmps } = useSession();
  const { value, error, reload } = useLoad((signal) => call('GetStreamKey', { arn }, signal), [arn]);
  if (error) return <Problem what="Reading the stream key" error={error} retry={reload} />;
  if (!value?.streamKey) return <Spinner />;
  return <EncoderSettings server={`${rtmps ? 'rtmps' : 'rtmp'}://${channel.ingestEndpoint}/app/`} streamKey={value.streamKey.value} />;
}
