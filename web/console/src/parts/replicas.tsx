import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { ParticipantReplica, StartParticipantReplicationInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { usePages, useStageChanges } from '../hooks.ts';
import { numberProblem } from '../limits.ts';
import { follow, href } from '../router.ts';
import { ActionButton, useMay } from './action-button.tsx';
import { Confirm } from './confirm.tsx';
import { NumberField } from './fields.tsx';
import { Form } from './form.tsx';
import { List } from './list.tsx';
import { useNotices } from './notices.tsx';
import { choices, ResourceSelect } from './resource-select.tsx';
import { State } from './state.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

const reconnectWindow = { min: 0, max: 300 }; // in seconds

interface Source {
  stageArn: string;
  participantId: string;
}

/** Asks to which stage a participant is replicated. */
export function Replicate({ stageArn, participantId, close, changed }: Source & { close(): void; changed(): void }) {
  const [destinationStageArn, setDestination] = useState('');
  const [seconds, setSeconds] = useState('0');
  const [pairs, setPairs] = useState<Pair[]>([]);
  const notices = useNotices();
  const may = useMay('StartParticipantReplication', destinationStageArn || undefined); // it needs both stages
  const input: StartParticipantReplicationInput = {
    sourceStageArn: stageArn,
    destinationStageArn,
    participantId,
    reconnectWindowSeconds: Number(seconds),
    attributes: pairs.length > 0 ? fromPairs(pairs) : undefined,
  };
  const run = async () => {
    await call('StartParticipantReplication', input);
    notices.done('The participant is replicated.');
    changed();
    close();
  };
  return (
    <Form title="Replicate the participant" action="Replicate" line={cliLine('StartParticipantReplication', input)} disabled={!destinationStageArn || destinationStageArn === stageArn || !may?.allowed || !!numberProblem(seconds, reconnectWindow)} run={run} close={close}>
      <ResourceSelect label="To the stage" from={choices.stages} value={destinationStageArn} change={setDestination} hint={destinationStageArn === stageArn ? 'The participant is on this stage already: choose another.' : (may?.because ?? 'Its participants see and hear this one as one of theirs.')} />
      <NumberField label="Reconnect window" hint="Seconds for which the replica waits for a source that is gone." value={seconds} change={setSeconds} {...reconnectWindow} />
      <Pairs pairs={pairs} change={setPairs} add="Add an attribute" empty="The replica has the attributes of its source." />
    </Form>
  );
}

/** The stages that a participant is replicated to. */
export function Replicas({ stageArn, participantId, connected }: Source & { connected: boolean }) {
  const [selected, setSelected] = useState<ParticipantReplica[]>([]);
  const [dialog, setDialog] = useState<'start' | 'stop'>();
  const pages = usePages(
    async (nextToken, signal) => {
      const out = await call('ListParticipantReplicas', { sourceStageArn: stageArn, participantId, nextToken }, signal);
      return { items: out.replicas, nextToken: out.nextToken };
    },
    [stageArn, participantId],
  );
  useStageChanges(connected ? stageArn : undefined, pages.reload);
  const [replica] = selected;
  const stop = { sourceStageArn: stageArn, destinationStageArn: replica?.destinationStageArn ?? '', participantId };
  const close = () => setDialog(undefined);
  const active = pages.value?.some((r) => r.replicationState === 'ACTIVE' && r.destinationStageArn === replica?.destinationStageArn);
  return (
    <>
      <List
        title="Replicas"
        description="Stages that the participant is replicated to."
        pages={pages}
        rowKey={(r) => `${r.destinationStageArn} ${r.destinationSessionId}`}
        rowName={(r) => idOf(r.destinationStageArn)}
        selected={selected}
        select={setSelected}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <ActionButton action="StopParticipantReplication" on={replica && [stageArn, replica.destinationStageArn]} disabled={!active} onClick={() => setDialog('stop')}>
              Stop
            </ActionButton>
            <ActionButton action="StartParticipantReplication" on={stageArn} disabled={!connected} disabledReason="The participant is not connected." onClick={() => setDialog('start')}>
              Replicate
            </ActionButton>
          </SpaceBetween>
        }
        columns={[
          {
            id: 'stage',
            header: 'Stage',
            isRowHeader: true,
            cell: (r) => (
              <Link href={href(`/stages/${idOf(r.destinationStageArn)}`)} onFollow={follow}>
                {idOf(r.destinationStageArn)}
              </Link>
            ),
          },
          {
            id: 'session',
            header: 'Session',
            cell: (r) => (
              <Link href={href(`/stages/${idOf(r.destinationStageArn)}/${r.destinationSessionId}/${participantId}`)} onFollow={follow}>
                {r.destinationSessionId}
              </Link>
            ),
          },
          { id: 'state', header: 'State', minWidth: 120, cell: (r) => <State state={r.replicationState} /> },
        ]}
        empty="It is not replicated."
      />
      {dialog === 'start' && <Replicate {...{ stageArn, participantId, close }} changed={pages.reload} />}
      {dialog === 'stop' && (
        <Confirm title="Stop the replication?" action="Stop" done="The replication is stopped." line={cliLine('StopParticipantReplication', stop)} run={() => call('StopParticipantReplication', stop).then(pages.reload)} close={close}>
          The participants of stage {idOf(stop.destinationStageArn)} don't see this one any more.
        </Confirm>
      )}
    </>
  );
}
