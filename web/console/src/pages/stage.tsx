import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { Stage as StageOutput } from '../api/operations.ts';
import { span, time } from '../format.ts';
import { useLoad, usePages, useStageChanges } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { CompositionList } from '../parts/composition-list.tsx';
import { CreateToken } from '../parts/create-token.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { DeleteResource } from '../parts/delete-resource.tsx';
import { List } from '../parts/list.tsx';
import { Participants } from '../parts/participants.tsx';
import { Problem } from '../parts/problem.tsx';
import { RecordingSettings } from '../parts/recording-settings.tsx';
import { useArn } from '../parts/session.ts';
import { StartButton } from '../parts/start-button.tsx';
import { EditTags, Tags } from '../parts/tags.tsx';
import { Watch } from '../parts/watch.tsx';
import { follow, go, href } from '../router.ts';
import { stageDeletion } from './stages.tsx';

type Dialog = 'token' | 'tags' | 'delete' | undefined;

export default function Stage({ id }: { id: string }) {
  const arn = useArn('stage', id);
  const { value, error, reload } = useLoad((signal) => call('GetStage', { arn }, signal), [arn]);
  const silence = useStageChanges(arn, reload);
  const [dialog, setDialog] = useState<Dialog>();
  const stage = value?.stage;
  if (!stage) {
    return <ContentLayout header={<Header variant="h1">{id}</Header>}>{error ? <Problem what="Reading the stage" error={error} retry={reload} /> : <Spinner />}</ContentLayout>;
  }
  const close = () => setDialog(undefined);
  return (
    <ContentLayout
      breadcrumbs={<Crumbs path={[['Stages', '/stages'], [stage.name || id, `/stages/${id}`]]} />}
      header={
        <Header
          variant="h1"
          info={stage.activeSessionId ? <StatusIndicator>Live</StatusIndicator> : <StatusIndicator type="stopped">Not live</StatusIndicator>}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <ActionButton action="DeleteStage" on={arn} onClick={() => setDialog('delete')}>
                Delete
              </ActionButton>
              <ActionButton action="TagResource" on={arn} onClick={() => setDialog('tags')}>
                Tags
              </ActionButton>
              <ActionButton action="CreateParticipantToken" on={arn} variant="primary" onClick={() => setDialog('token')}>
                Create token
              </ActionButton>
            </SpaceBetween>
          }
        >
          {stage.name || id}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {error && <Problem what="Reading the stage" error={error} retry={reload} />}
        {silence && <Problem what="Following the events of the stage, which updates this page" error={silence} />}
        <Facts stage={stage} />
        <Tabs
          ariaLabel="Parts of the stage"
          tabs={[
            {
              id: 'live',
              label: 'Live',
              content: (
                <SpaceBetween size="l">
                  <Watch stageArn={arn} />
                  {stage.activeSessionId ? (
                    <Participants key={stage.activeSessionId} stageArn={arn} sessionId={stage.activeSessionId} live />
                  ) : (
                    <Container>
                      <Box textAlign="center" color="text-body-secondary">
                        Nobody is connected. Create a token and open its link to be the first.
                      </Box>
                    </Container>
                  )}
                </SpaceBetween>
              ),
            },
            { id: 'sessions', label: 'Sessions', content: <Sessions id={id} arn={arn} /> },
            { id: 'compositions', label: 'Compositions', content: <CompositionList stageArn={arn} actions={<StartButton stage={id} />} empty="No composition of this stage is known." /> },
            { id: 'recording', label: 'Recording', content: <RecordingSettings stage={stage} changed={reload} /> },
          ]}
        />
      </SpaceBetween>
      {dialog === 'token' && <CreateToken stageArn={arn} close={close} />}
      {dialog === 'tags' && <EditTags arn={arn} tags={stage.tags} close={close} changed={reload} />}
      {dialog === 'delete' && <DeleteResource {...stageDeletion(stage)} close={close} deleted={() => go('/stages')} />}
    </ContentLayout>
  );
}

function Facts({ stage }: { stage: StageOutput }) {
  const { endpoints } = stage;
  return (
    <Container footer={<CliLine line={cliLine('GetStage', { arn: stage.arn })} />}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: 'ARN', value: <Copyable text={stage.arn} what="ARN" /> },
          { label: 'Session', value: stage.activeSessionId ?? '–' },
          { label: 'Tags', value: <Tags tags={stage.tags} /> },
          { label: 'WHIP', value: endpoints?.whip ? <Copyable text={endpoints.whip} what="WHIP address" /> : '–' },
          { label: 'Events', value: endpoints?.events ? <Copyable text={endpoints.events} what="events address" /> : '–' },
          { label: 'RTMP', value: endpoints?.rtmps || endpoints?.rtmp ? <Copyable text={(endpoints.rtmps || endpoints.rtmp)!} what="RTMP address" /> : '–' },
        ]}
      />
    </Container>
  );
}

function Sessions({ id, arn }: { id: string; arn: string }) {
  const pages = usePages(
    async (nextToken, signal) => {
      const out = await call('ListStageSessions', { stageArn: arn, nextToken }, signal);
      return { items: out.stageSessions, nextToken: out.nextToken };
    },
    [arn],
  );
  return (
    <List
      title="Sessions"
      pages={pages}
      rowKey={(s) => s.sessionId!}
      columns={[
        {
          id: 'id',
          header: 'Id',
          isRowHeader: true,
          cell: (s) => (
            <Link href={href(`/stages/${id}/${s.sessionId}`)} onFollow={follow}>
              {s.sessionId}
            </Link>
          ),
        },
        { id: 'state', header: 'State', minWidth: 120, cell: (s) => (s.endTime ? <StatusIndicator type="stopped">Ended</StatusIndicator> : <StatusIndicator>Live</StatusIndicator>) },
        { id: 'start', header: 'Started', cell: (s) => time(s.startTime) },
        { id: 'duration', header: 'Duration', cell: (s) => span(s.startTime, s.endTime) },
      ]}
      empty="There was no session yet."
    />
  );
}
