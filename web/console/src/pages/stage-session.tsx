import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { span, time } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { CliLine } from '../parts/cli-line.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { Participants } from '../parts/participants.tsx';
import { Problem } from '../parts/problem.tsx';
import { useArn } from '../parts/session.ts';

/** A session of a stage, past or live. */
export default function StageSession({ stage, session }: { stage: string; session: string }) {
  const stageArn = useArn('stage', stage);
  const input = { stageArn, sessionId: session };
  const { value, error, reload } = useLoad((signal) => call('GetStageSession', input, signal), [stageArn, session]);
  const found = value?.stageSession;
  return (
    <ContentLayout
      breadcrumbs={<Crumbs path={[['Stages', '/stages'], [stage, `/stages/${stage}`], [session, `/stages/${stage}/${session}`]]} />}
      header={<Header variant="h1">Session {session}</Header>}
    >
      {error && <Problem what="Reading the session" error={error} retry={reload} />}
      {!found && !error && <Spinner />}
      {found && (
        <SpaceBetween size="l">
          <Container footer={<CliLine line={cliLine('GetStageSession', input)} />}>
            <KeyValuePairs
              columns={4}
              items={[
                { label: 'State', value: found.endTime ? <StatusIndicator type="stopped">Ended</StatusIndicator> : <StatusIndicator>Live</StatusIndicator> },
                { label: 'Started', value: time(found.startTime) },
                { label: 'Ended', value: time(found.endTime) },
                { label: 'Duration', value: span(found.startTime, found.endTime) },
              ]}
            />
          </Container>
          <Participants stageArn={stageArn} sessionId={session} live={!found.endTime} />
        </SpaceBetween>
      )}
    </ContentLayout>
  );
}
