import Link from '@cloudscape-design/components/link';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { ParticipantSummary } from '../api/operations.ts';
import { idOf, time, words } from '../format.ts';
import { usePages, useStageChanges } from '../hooks.ts';
import { follow, href } from '../router.ts';
import { ActionButton } from './action-button.tsx';
import { Confirm } from './confirm.tsx';
import { List } from './list.tsx';
import { Replicate } from './replicas.tsx';
import { State } from './state.tsx';

/** The participants of a session; those that are connected can be disconnected. */
export function Participants({ stageArn, sessionId, live }: { stageArn: string; sessionId: string; live: boolean }) {
  const [shown, setShown] = useState(live ? 'CONNECTED' : 'ALL');
  const [selected, setSelected] = useState<ParticipantSummary[]>([]);
  const [dialog, setDialog] = useState<'disconnect' | 'replicate'>();
  const close = () => setDialog(undefined);
  const pages = usePages(
    async (nextToken, signal) => {
      const out = await call('ListParticipants', { stageArn, sessionId, filterByState: shown === 'CONNECTED' ? 'CONNECTED' : undefined, filterByPublished: shown === 'PUBLISHED' || undefined, nextToken }, signal);
      return { items: out.participants, nextToken: out.nextToken };
    },
    [stageArn, sessionId, shown],
  );
  useStageChanges(live ? stageArn : undefined, pages.reload);
  const [participant] = selected;
  const disconnect = { stageArn, participantId: participant?.participantId ?? '' };
  return (
    <>
      <List
        title="Participants"
        pages={pages}
        rowKey={(p) => p.participantId!}
        rowName={(p) => p.userId || p.participantId!}
        filter={
          <SegmentedControl
            label="Participants that are shown"
            selectedId={shown}
            onChange={({ detail }) => setShown(detail.selectedId)}
            options={[...(live ? [{ id: 'CONNECTED', text: 'Connected' }] : []), { id: 'PUBLISHED', text: 'Published' }, { id: 'ALL', text: 'All' }]}
          />
        }
        {...(live && { selected, select: setSelected })}
        actions={
          live && (
            <SpaceBetween direction="horizontal" size="xs">
              <ActionButton action="StartParticipantReplication" on={stageArn} disabled={participant?.state !== 'CONNECTED' || participant.replicationType === 'REPLICA'} onClick={() => setDialog('replicate')}>
                Replicate
              </ActionButton>
              <ActionButton action="DisconnectParticipant" on={stageArn} disabled={participant?.state !== 'CONNECTED'} onClick={() => setDialog('disconnect')}>
                Disconnect
              </ActionButton>
            </SpaceBetween>
          )
        }
        columns={[
          {
            id: 'user',
            header: 'User',
            isRowHeader: true,
            cell: (p) => (
              <Link href={href(`/stages/${idOf(stageArn)}/${sessionId}/${p.participantId}`)} onFollow={follow}>
                {p.userId || p.participantId}
              </Link>
            ),
          },
          { id: 'state', header: 'State', minWidth: 120, cell: (p) => <State state={p.state} /> },
          { id: 'published', header: 'Published', cell: (p) => (p.published ? 'Yes' : 'No') },
          { id: 'recording', header: 'Recording', cell: (p) => <State state={p.recordingState} /> },
          { id: 'replication', header: 'Replication', cell: (p) => words(p.replicationType === 'NONE' ? undefined : p.replicationType) },
          { id: 'joined', header: 'First joined', cell: (p) => time(p.firstJoinTime) },
          { id: 'id', header: 'Id', cell: (p) => p.participantId },
        ]}
        empty={shown === 'CONNECTED' ? 'Nobody is connected.' : 'There are none.'}
      />
      {dialog === 'replicate' && participant && <Replicate stageArn={stageArn} participantId={participant.participantId!} close={close} changed={pages.reload} />}
      {dialog === 'disconnect' && participant && (
        <Confirm
          title={`Disconnect ${participant.userId || participant.participantId}?`}
          action="Disconnect"
          done={`${participant.userId || participant.participantId} is disconnected.`}
          line={cliLine('DisconnectParticipant', disconnect)}
          run={() => call('DisconnectParticipant', disconnect).then(pages.reload)}
          close={close}
        >
          The token of the participant can't be used again.
        </Confirm>
      )}
    </>
  );
}
