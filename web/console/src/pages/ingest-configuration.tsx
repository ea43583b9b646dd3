import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { IngestConfiguration as Ingest } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { EncoderSettings } from '../parts/encoder-settings.tsx';
import { Form } from '../parts/form.tsx';
import { useNotices } from '../parts/notices.tsx';
import { Problem } from '../parts/problem.tsx';
import { ResourcePage } from '../parts/resource-page.tsx';
import { choices, ResourceSelect } from '../parts/resource-select.tsx';
import { useArn } from '../parts/session.ts';
import { State } from '../parts/state.tsx';
import { Tags } from '../parts/tags.tsx';
import { follow, href } from '../router.ts';
import { ingestDeletion } from './ingest-configurations.tsx';

export default function IngestConfiguration({ id }: { id: string }) {
  const arn = useArn('ingest-configuration', id);
  const loaded = useLoad((signal) => call('GetIngestConfiguration', { arn }, signal), [arn]);
  const [changing, setChanging] = useState(false);
  const ingest = loaded.value?.ingestConfiguration;
  return (
    <ResourcePage
      section={['Ingest configurations', '/ingest-configurations']}
      what="the ingest configuration"
      id={id}
      loaded={loaded}
      resource={ingest}
      info={ingest && <State state={ingest.state} />}
      deletion={ingestDeletion}
      actions={
        <ActionButton action="UpdateIngestConfiguration" on={arn} disabled={ingest?.state === 'ACTIVE'} disabledReason="It can be changed while no encoder publishes." onClick={() => setChanging(true)}>
          Change
        </ActionButton>
      }
    >
      {(found) => (
        <>
          <Facts ingest={found} />
          <Encoders ingest={found} />
          {changing && <Change ingest={found} close={() => setChanging(false)} changed={loaded.reload} />}
        </>
      )}
    </ResourcePage>
  );
}

function Facts({ ingest }: { ingest: Ingest }) {
  const attributes = Object.entries(ingest.attributes ?? {});
  return (
    <Container footer={<CliLine line={cliLine('GetIngestConfiguration', { arn: ingest.arn })} />}>
      <KeyValuePairs
        columns={4}
        items={[
          {
            label: 'Stage',
            value: ingest.stageArn ? (
              <Link href={href(`/stages/${idOf(ingest.stageArn)}`)} onFollow={follow}>
                {idOf(ingest.stageArn)}
              </Link>
            ) : (
              'None'
            ),
          },
          { label: 'Participant', value: ingest.participantId || '–' },
          { label: 'User', value: ingest.userId || '–' },
          { label: 'Protocol', value: ingest.redundantIngest ? `${ingest.ingestProtocol}, redundant` : ingest.ingestProtocol },
          { label: 'Attributes', value: attributes.map(([key, value]) => `${key}: ${value}`).join(', ') || '–' },
          { label: 'Tags', value: <Tags tags={ingest.tags} /> },
          { label: 'ARN', value: <Copyable text={ingest.arn} what="ARN" /> },
        ]}
      />
    </Container>
  );
}

/** What the encoders need: an address of the stage, and a stream key each. */
function Encoders({ ingest }: { ingest: Ingest }) {
  const [shown, setShown] = useState(false);
  const { stageArn } = ingest;
  const stage = useLoad(async (signal) => (stageArn ? call('GetStage', { arn: stageArn }, signal) : undefined), [stageArn]);
  const endpoints = stage.value?.stage?.endpoints;
  const server = ingest.ingestProtocol === 'RTMPS' ? endpoints?.rtmps : endpoints?.rtmp;
  const keys = ingest.redundantIngestCredentials?.length ? ingest.redundantIngestCredentials.map((c) => c.streamKey!) : [ingest.streamKey];
  return (
    <Container header={<Header variant="h2" description="Whoever has the stream key can publish." actions={<Button onClick={() => setShown(!shown)}>{shown ? 'Hide' : 'Show'}</Button>}>{keys.length > 1 ? 'Encoders' : 'Encoder'}</Header>}>
      {stage.error && <Problem what="Reading the addresses of the stage" error={stage.error} retry={stage.reload} />}
      {!shown && <Box color="text-body-secondary">Show has the settings of encoders, with the stream key.</Box>}
      {shown && !stageArn && <Box color="text-body-secondary">It has no stage: encoders are refused. Change sets one.</Box>}
      {shown && stage.value && !server && <Box color="text-status-error">{`The server does not listen for ${ingest.ingestProtocol}: it needs --${ingest.ingestProtocol.toLowerCase()}-listen.`}</Box>}
      {shown && server && (
        <SpaceBetween size="l">
          {keys.map((key, i) => (
            <div key={key}>
              {keys.length > 1 && <Box variant="h3">{`Encoder ${i + 1}`}</Box>}
              <EncoderSettings server={server} streamKey={key} />
            </div>
          ))}
        </SpaceBetween>
      )}
    </Container>
  );
}

function Change({ ingest, close, changed }: { ingest: Ingest; close(): void; changed(): void }) {
  const [stageArn, setStage] = useState(ingest.stageArn);
  const [redundantIngest, setRedundant] = useState(ingest.redundantIngest);
  const notices = useNotices();
  const input = { arn: ingest.arn, stageArn, redundantIngest };
  const run = async () => {
    await call('UpdateIngestConfiguration', input);
    notices.done('The ingest configuration is changed.');
    changed();
    close();
  };
  return (
    <Form title="Change the ingest configuration" action="Save" line={cliLine('UpdateIngestConfiguration', input)} run={run} close={close}>
      <ResourceSelect label="Stage" from={choices.stages} value={stageArn} change={setStage} none="None: encoders are refused" />
      <Checkbox checked={redundantIngest} onChange={({ detail }) => setRedundant(detail.checked)} description="The stream keys change with it.">
        Redundant ingest
      </Checkbox>
    </Form>
  );
}
