import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useMemo, useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { Event, ListParticipantEventsOutput } from '../api/operations.ts';
import type { Entry } from '../api/quality.ts';
import { idOf, time } from '../format.ts';
import { useLoad, useStageChanges } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { Problem } from '../parts/problem.tsx';
import { Quality } from '../parts/quality.tsx';
import { RecordedTo } from '../parts/recorded-to.tsx';
import { Replicas } from '../parts/replicas.tsx';
import { useArn } from '../parts/session.ts';
import { State } from '../parts/state.tsx';
import { Tags } from '../parts/tags.tsx';
import { maxEvents, Timeline } from '../parts/timeline.tsx';
import { follow, href } from '../router.ts';
import { together } from '../timeline.ts';

interface Props {
  stage: string;
  session: string;
  id: string;
}

/** A participant of a session, past or live, with its timeline. */
export default function Participant({ stage, session, id }: Props) {
  const stageArn = useArn('stage', stage);
  const input = { stageArn, sessionId: session, participantId: id };
  const [entries, setEntries] = useState<Entry[]>([]); // of the quality history
  const [asking, setAsking] = useState(false);
  const [moment, setMoment] = useState<{ at: number }>(); // whose quality is asked about
  const { value, error, reload } = useLoad((signal) => call('GetParticipant', input, signal), [stageArn, session, id]);
  const found = value?.participant;
  const connected = found?.state === 'CONNECTED';
  const events = useLoad((signal) => readEvents(input, signal), [stageArn, session, id]);
  useStageChanges(connected ? stageArn : undefined, () => {
    events.reload();
    reload();
  });
  const happenings = useMemo(() => together(events.value?.events ?? [], entries), [events.value, entries]);
  const disconnect = { stageArn, participantId: id };
  return (
    <ContentLayout
      breadcrumbs={<Crumbs path={[['Stages', '/stages'], [stage, `/stages/${stage}`], [session, `/stages/${stage}/${session}`], [found?.userId || id, `/stages/${stage}/${session}/${id}`]]} />}
      header={
        <Header
          variant="h1"
          actions={
            <ActionButton action="DisconnectParticipant" on={stageArn} disabled={!connected} onClick={() => setAsking(true)}>
              Disconnect
            </ActionButton>
          }
        >
          {found?.attributes.name || found?.userId || id}
        </Header>
      }
    >
      {error && <Problem what="Reading the participant" error={error} retry={reload} />}
      {!found && !error && <Spinner />}
      {found && (
        <SpaceBetween size="l">
          <Container footer={<CliLine line={cliLine('GetParticipant', input)} />}>
            <KeyValuePairs
              columns={3}
              items={[
                { label: 'State', value: <State state={found.state} /> },
                { label: 'User', value: found.userId || '–' },
                { label: 'Id', value: <Copyable text={id} what="id" /> },
                { label: 'First joined', value: time(found.firstJoinTime) },
                { label: 'Published', value: found.published ? 'Yes' : 'No' },
                { label: 'Protocol', value: found.protocol ?? '–' },
                { label: 'Browser', value: `${found.browserName} ${found.browserVersion}`.trim() || '–' },
                { label: 'System', value: `${found.osName} ${found.osVersion}`.trim() || '–' },
                { label: 'SDK', value: found.sdkVersion || '–' },
                { label: 'Recording', value: <State state={found.recordingState} /> },
                { label: 'Recorded to', value: found.recordingS3Prefix ? <RecordedTo bucket={found.recordingS3BucketName} prefix={found.recordingS3Prefix} /> : '–' },
                ...(found.replicationType === 'REPLICA' && found.sourceStageArn ? [{ label: 'Replica of', value: <SourceLink stageArn={found.sourceStageArn} sessionId={found.sourceSessionId} id={id} /> }] : []),
                { label: 'Attributes', value: <Tags tags={found.attributes} /> },
              ]}
            />
          </Container>
          <Quality {...{ stage, session, id }} live={connected} marks={happenings.map(({ at, kind }) => ({ at: at / 1000, kind }))} moment={moment} happened={setEntries} />
          <Timeline {...{ stage, session, events, happenings }} ask={(at) => setMoment({ at })} line={cliLine('ListParticipantEvents', input)} />
          {found.replicationType !== 'REPLICA' && <Replicas stageArn={stageArn} participantId={id} connected={connected} />}
        </SpaceBetween>
      )}
      {asking && (
        <Confirm title="Disconnect the participant?" action="Disconnect" done="The participant is disconnected." line={cliLine('DisconnectParticipant', disconnect)} run={() => call('DisconnectParticipant', disconnect).then(reload)} close={() => setAsking(false)}>
          Its token can't be used again.
        </Confirm>
      )}
    </ContentLayout>
  );
}

/** A link to the participant that a replica is of. */
const SourceLink = ({ stageArn, sessionId, id }: { stageArn: string; sessionId?: string; id: string }) => (
  <Link href={href(sessionId ? `/stages/${idOf(stageArn)}/${sessionId}/${id}` : `/stages/${idOf(stageArn)}`)} onFollow={follow}>
    {id} of stage {idOf(stageArn)}
  </Link>
);

/** All events of a participant, as far as the timeline shows them. */
async function readEvents(input: { stageArn: string; sessionId: string; participantId: string }, signal: AbortSignal) {
  const events: Event[] = [];
  let nextToken: string | undefined;
  do {
    const page: ListParticipantEventsOutput = await call('ListParticipantEvents', { ...input, maxResults: 100, nextToken }, signal);
    events.push(...page.events);
    nextToken = page.nextToken;
  } while (nextToken && events.length < maxEvents);
  return { events, more: nextToken !== undefined };
}

