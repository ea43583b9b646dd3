import Link from '@cloudscape-design/components/link';

import { call } from '../api/client.ts';
import type { IngestConfigurationState } from '../api/operations.ts';
import { pageSize } from '../api/search.ts';
import { idOf } from '../format.ts';
import { CreateIngest } from '../parts/create-ingest.tsx';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ResourceList } from '../parts/resource-list.tsx';
import { State } from '../parts/state.tsx';
import { follow, href } from '../router.ts';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListIngestConfigurations', { nextToken, maxResults: pageSize }, signal);
  return { items: page.ingestConfigurations, nextToken: page.nextToken };
}

export const ingestDeletion = ({ arn, name, state }: { arn: string; name: string; state: IngestConfigurationState }): Deletion => ({
  operation: 'DeleteIngestConfiguration',
  arn,
  name: name || idOf(arn),
  warning: 'Its stream key is refused from then on.',
  force: state === 'ACTIVE' ? 'An encoder publishes now: disconnect it' : undefined,
});

export default function IngestConfigurations() {
  return (
    <ResourceList
      title="Ingest configurations"
      description="Stream keys with which encoders publish to stages by RTMP."
      section="/ingest-configurations"
      type="ingest-configuration"
      load={list}
      tags={false}
      columns={[
        { id: 'state', header: 'State', cell: (i) => <State state={i.state} /> },
        { id: 'protocol', header: 'Protocol', cell: (i) => (i.redundantIngest ? `${i.ingestProtocol}, redundant` : i.ingestProtocol) },
        {
          id: 'stage',
          header: 'Stage',
          cell: (i) =>
            i.stageArn ? (
              <Link href={href(`/stages/${idOf(i.stageArn)}`)} onFollow={follow}>
                {idOf(i.stageArn)}
              </Link>
            ) : (
              '–'
            ),
        },
        { id: 'user', header: 'User', cell: (i) => i.userId || '–' },
      ]}
      create={{ action: 'CreateIngestConfiguration', label: 'Create', form: (close) => <CreateIngest close={close} /> }}
      deletion={ingestDeletion}
    />
  );
}
