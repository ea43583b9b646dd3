import { call } from '../api/client.ts';
import { pageSize } from '../api/search.ts';
import { idOf } from '../format.ts';
import { CreateStorage } from '../parts/create-storage.tsx';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ResourceList } from '../parts/resource-list.tsx';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListStorageConfigurations', { nextToken, maxResults: pageSize }, signal);
  return { items: page.storageConfigurations, nextToken: page.nextToken };
}

export const storageDeletion = ({ arn, name }: { arn: string; name: string }): Deletion => ({
  operation: 'DeleteStorageConfiguration',
  arn,
  name: name || idOf(arn),
  warning: 'The recordings stay in the bucket. One that a stage or a running composition uses is refused.',
});

export default function StorageConfigurations() {
  return (
    <ResourceList
      title="Storage configurations"
      description="Buckets for recordings."
      section="/storage-configurations"
      type="storage-configuration"
      load={list}
      columns={[{ id: 'bucket', header: 'Bucket', cell: (s) => s.s3?.bucketName ?? '–' }]}
      create={{ action: 'CreateStorageConfiguration', label: 'Create', form: (close) => <CreateStorage close={close} /> }}
      deletion={storageDeletion}
    />
  );
}
