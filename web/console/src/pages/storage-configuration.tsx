import Container from '@cloudscape-design/components/container';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { useLoad } from '../hooks.ts';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { ResourcePage } from '../parts/resource-page.tsx';
import { useArn } from '../parts/session.ts';
import { Tags } from '../parts/tags.tsx';
import { follow, href } from '../router.ts';
import { storageDeletion } from './storage-configurations.tsx';

export default function StorageConfiguration({ id }: { id: string }) {
  const arn = useArn('storage-configuration', id);
  const loaded = useLoad((signal) => call('GetStorageConfiguration', { arn }, signal), [arn]);
  return (
    <ResourcePage section={['Storage configurations', '/storage-configurations']} what="the storage configuration" id={id} loaded={loaded} resource={loaded.value?.storageConfiguration} deletion={storageDeletion}>
      {({ s3, tags }) => (
        <Container footer={<CliLine line={cliLine('GetStorageConfiguration', { arn })} />}>
          <KeyValuePairs
            columns={4}
            items={[
              { label: 'Bucket', value: s3?.bucketName ?? '–' },
              {
                label: 'Recordings',
                value: (
                  <Link href={href(`/recordings/${id}`)} onFollow={follow}>
                    Recordings in the bucket
                  </Link>
                ),
              },
              { label: 'Tags', value: <Tags tags={tags} /> },
              { label: 'ARN', value: <Copyable text={arn} what="ARN" /> },
            ]}
          />
        </Container>
      )}
    </ResourcePage>
  );
}
