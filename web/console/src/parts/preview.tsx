import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import { useEffect } from 'react';

import { ApiError, call } from '../api/client.ts';
import type { Composition } from '../api/operations.ts';
import { useLoad } from '../hooks.ts';
import { readRecording } from '../recordings.ts';
import { Player } from './player.tsx';

/** How often it is looked for something to play, in ms. */
const refresh = 2000;

/** Shows what a composition sends: its channel while that is live, otherwise its recording. */
export function Preview({ composition, runs }: { composition: Composition; runs: boolean }) {
  const channel = composition.destinations.find((d) => d.configuration.channel && d.state === 'ACTIVE')?.configuration.channel?.channelArn;
  const recorded = composition.destinations.find((d) => d.configuration.s3 && d.detail?.s3?.recordingPrefix);
  const storage = recorded?.configuration.s3?.storageConfigurationArn;
  const prefix = recorded?.detail?.s3?.recordingPrefix;
  const { value: url, loading, error, reload } = useLoad(
    async (signal) => {
      if (channel) return (await call('GetChannel', { arn: channel }, signal)).channel?.playbackUrl ?? '';
      return storage && prefix ? (await readRecording(storage, prefix, signal)).playlist : '';
    },
    [channel, storage, prefix],
  );
  const refused = error && !(error instanceof ApiError && error.code === 'ResourceNotFoundException');
  const waits = runs && !url && !loading && !refused;
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(reload, refresh);
    return () => clearTimeout(timer);
  }, [waits, reload]);
  const missing = refused ? error.message : runs ? 'It is shown here as soon as its channel or its recording has pictures.' : (error?.message ?? 'It has no recording.');
  return (
    <Container header={<Header variant="h2">{runs ? 'Live preview' : 'Player'}</Header>}>
      {url ? <Player url={url} title={runs ? 'Live preview of the composition' : 'Player of the recording'} /> : <Box color="text-body-secondary">{missing}</Box>}
    </Container>
  );
}
