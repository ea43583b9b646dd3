import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { StageSummary } from '../api/operations.ts';
import { mentions, pageSize, search } from '../api/search.ts';
import { idOf } from '../format.ts';
import { usePages } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { CreateStage } from '../parts/create-stage.tsx';
import { List } from '../parts/list.tsx';
import { useArn } from '../parts/session.ts';
import { EditTags, Tags } from '../parts/tags.tsx';
import { follow, href } from '../router.ts';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListStages', { maxResults: pageSize, nextToken }, signal);
  return { items: page.stages, nextToken: page.nextToken };
}

type Dialog = 'create' | 'delete' | 'tags' | undefined;

export default function Stages() {
  const [filter, setFilter] = useState('');
  const [applied, setApplied] = useState('');
  const [selected, setSelected] = useState<StageSummary[]>([]);
  const [dialog, setDialog] = useState<Dialog>();
  const pages = usePages((token, signal) => search((next) => list(next, signal), mentions(applied), token), [applied]);
  const any = useArn('stage', '*');
  const [stage] = selected;
  const close = () => setDialog(undefined);
  const changed = () => {
    setSelected([]);
    pages.reload();
  };
  return (
    <>
      <List
        title="Stages"
        level="h1"
        description="Where participants meet. A stage is live while somebody is connected."
        pages={pages}
        rowKey={(s) => s.arn}
        rowName={(s) => s.name || idOf(s.arn)}
        selected={selected}
        select={setSelected}
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: (s) => (
              <Link href={href(`/stages/${idOf(s.arn)}`)} onFollow={follow}>
                {s.name || idOf(s.arn)}
              </Link>
            ),
          },
          { id: 'state', header: 'State', cell: (s) => (s.activeSessionId ? <StatusIndicator>Live</StatusIndicator> : <StatusIndicator type="stopped">Not live</StatusIndicator>) },
          { id: 'id', header: 'Id', cell: (s) => idOf(s.arn) },
          { id: 'tags', header: 'Tags', cell: (s) => <Tags tags={s.tags} /> },
        ]}
        filter={
          <TextFilter
            filteringText={filter}
            filteringPlaceholder="Find by name, id or tag"
            filteringAriaLabel="Find stages"
            onChange={({ detail }) => setFilter(detail.filteringText)}
            onDelayedChange={({ detail }) => setApplied(detail.filteringText)}
          />
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <ActionButton action="TagResource" on={stage?.arn} disabled={!stage} onClick={() => setDialog('tags')}>
              Tags
            </ActionButton>
            <ActionButton action="DeleteStage" on={stage?.arn} disabled={!stage} onClick={() => setDialog('delete')}>
              Delete
            </ActionButton>
            <ActionButton action="CreateStage" on={any} variant="primary" onClick={() => setDialog('create')}>
              Create stage
            </ActionButton>
          </SpaceBetween>
        }
        empty={
          applied ? (
            'No stage matches.'
          ) : (
            <SpaceBetween size="xs">
              <b>There are no stages</b>
              <Box color="text-body-secondary">Create one, then make a token for each participant.</Box>
              <ActionButton action="CreateStage" on={any} onClick={() => setDialog('create')}>
                Create stage
              </ActionButton>
            </SpaceBetween>
          )
        }
      />
      {dialog === 'create' && <CreateStage close={close} />}
      {dialog === 'tags' && stage && <EditTags arn={stage.arn} tags={stage.tags} close={close} changed={changed} />}
      {dialog === 'delete' && stage && <DeleteStage stage={stage} close={close} deleted={changed} />}
    </>
  );
}

/** Asks before a stage is deleted. */
export function DeleteStage({ stage, close, deleted }: { stage: StageSummary; close(): void; deleted(): void }) {
  const input = { arn: stage.arn };
  return (
    <Confirm
      title={`Delete ${stage.name || idOf(stage.arn)}?`}
      action="Delete"
      done={`${stage.name || idOf(stage.arn)} is deleted.`}
      line={cliLine('DeleteStage', input)}
      run={() => call('DeleteStage', input).then(deleted)}
      close={close}
    >
      {stage.activeSessionId ? 'The stage is live: its participants are disconnected. ' : ''}Its past sessions can no longer be seen. This can't be undone.
    </Confirm>
  );
}
