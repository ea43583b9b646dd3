import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { call } from '../api/client.ts';
import type { StageSummary } from '../api/operations.ts';
import { pageSize } from '../api/search.ts';
import { idOf } from '../format.ts';
import { CreateStage } from '../parts/create-stage.tsx';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ResourceList } from '../parts/resource-list.tsx';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListStages', { maxResults: pageSize, nextToken }, signal);
  return { items: page.stages, nextToken: page.nextToken };
}

export const stageDeletion = (stage: StageSummary): Deletion => ({
  operation: 'DeleteStage',
  arn: stage.arn,
  name: stage.name || idOf(stage.arn),
  warning: `${stage.activeSessionId ? 'The stage is live: its participants are disconnected. ' : ''}Its past sessions can no longer be seen.`,
});

export default function Stages() {
  return (
    <ResourceList
      title="Stages"
      description="Where participants meet, each with a token. A stage is live while somebody is connected."
      section="/stages"
      type="stage"
      load={list}
      columns={[{ id: 'state', header: 'State', minWidth: 120, cell: (s) => (s.activeSessionId ? <StatusIndicator>Live</StatusIndicator> : <StatusIndicator type="stopped">Not live</StatusIndicator>) }]}
      create={{ action: 'CreateStage', label: 'Create stage', form: (close) => <CreateStage close={close} /> }}
      deletion={stageDeletion}
    />
  );
}
