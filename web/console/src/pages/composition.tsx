import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Table from '@cloudscape-design/components/table';
import { useEffect, useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { Destination } from '../api/operations.ts';
import { idOf, span, time } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { CliLine, Code, Copyable } from '../parts/cli-line.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { Preview } from '../parts/preview.tsx';
import { Problem } from '../parts/problem.tsx';
import { useArn } from '../parts/session.ts';
import { RecordingLink } from '../parts/recorded-to.tsx';
import { State } from '../parts/state.tsx';
import { ChannelHealth } from '../parts/stream-health.tsx';
import { EditTags, Tags } from '../parts/tags.tsx';
import { follow, href } from '../router.ts';

/** How often a composition that runs is loaded again, in ms. */
const refresh = 5000;

export default function Composition({ id }: { id: string }) {
  const arn = useArn('composition', id);
  const { value, error, reload } = useLoad((signal) => call('GetComposition', { arn }, signal), [arn]);
  const [dialog, setDialog] = useState<'stop' | 'tags'>();
  const composition = value?.composition;
  const runs = composition && composition.state !== 'STOPPED' && composition.state !== 'FAILED';
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), refresh);
    return () => clearInterval(timer);
  }, [runs, reload]);
  if (!composition) {
    return (
      <ContentLayout header={<Header variant="h1">{id}</Header>}>{error ? <Problem what="Reading the composition" error={error} retry={reload} /> : <Spinner />}</ContentLayout>
    );
  }
  return (
    <ContentLayout
      breadcrumbs={<Crumbs path={[['Compositions', '/compositions'], [id, `/compositions/${id}`]]} />}
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <ActionButton action="TagResource" on={arn} onClick={() => setDialog('tags')}>
                Tags
              </ActionButton>
              <ActionButton action="StopComposition" on={arn} disabled={!runs} onClick={() => setDialog('stop')}>
                Stop
              </ActionButton>
            </SpaceBetween>
          }
        >
          Composition {id}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Container footer={<CliLine line={cliLine('GetComposition', { arn })} />}>
          <KeyValuePairs
            columns={3}
            items={[
              { label: 'State', value: <State state={composition.state} /> },
              {
                label: 'Stage',
                value: (
                  <Link href={href(`/stages/${idOf(composition.stageArn)}`)} onFollow={follow}>
                    {idOf(composition.stageArn)}
                  </Link>
                ),
              },
              { label: 'ARN', value: <Copyable text={arn} what="ARN" /> },
              { label: 'Started', value: time(composition.startTime) },
              { label: 'Ended', value: time(composition.endTime) },
              { label: 'Duration', value: span(composition.startTime, composition.endTime) },
              { label: 'Layout', value: composition.layout.pip ? 'Picture in picture' : 'Grid' },
              { label: 'Tags', value: <Tags tags={composition.tags} /> },
            ]}
          />
        </Container>
        <Preview composition={composition} runs={!!runs} />
        <Destinations destinations={composition.destinations} runs={!!runs} />
        <Container header={<Header variant="h2">Layout</Header>}>
          <Code text={JSON.stringify(composition.layout, null, 2)} what="layout" />
        </Container>
      </SpaceBetween>
      {dialog === 'tags' && <EditTags arn={arn} tags={composition.tags} close={() => setDialog(undefined)} changed={reload} />}
      {dialog === 'stop' && (
        <Confirm title="Stop the composition?" action="Stop" done="The composition stops." line={cliLine('StopComposition', { arn })} run={() => call('StopComposition', { arn }).then(reload)} close={() => setDialog(undefined)}>
          Its channels go off air, and its recordings end. It can't be started again.
        </Confirm>
      )}
    </ContentLayout>
  );
}

/** Where a destination sends to. */
function target({ configuration, detail }: Destination) {
  if (configuration.channel) {
    const id = idOf(configuration.channel.channelArn);
    return (
      <Link href={href(`/channels/${id}`)} onFollow={follow}>
        Channel {id}
      </Link>
    );
  }
  const prefix = detail?.s3?.recordingPrefix;
  return prefix && configuration.s3 ? <RecordingLink storageArn={configuration.s3.storageConfigurationArn} prefix={prefix} text={`Recording ${prefix}`} /> : 'Recording';
}

function Destinations({ destinations, runs }: { destinations: Destination[]; runs: boolean }) {
  return (
    <Table
      header={<Header variant="h2">Destinations</Header>}
      items={destinations}
      trackBy="id"
      wrapLines
      ariaLabels={{ tableLabel: 'Destinations' }}
      columnDefinitions={[
        { id: 'target', header: 'To', isRowHeader: true, cell: target },
        { id: 'state', header: 'State', minWidth: 120, cell: (d) => <State state={d.state} /> },
        { id: 'health', header: 'Health', minWidth: 120, cell: (d) => (runs && d.configuration.channel ? <ChannelHealth arn={d.configuration.channel.channelArn} round={destinations} /> : '–') },
        { id: 'start', header: 'Started', cell: (d) => time(d.startTime) },
        { id: 'end', header: 'Ended', cell: (d) => time(d.endTime) },
      ]}
    />
  );
}
