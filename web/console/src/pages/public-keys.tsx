import { call } from '../api/client.ts';
import { pageSize } from '../api/search.ts';
import { idOf } from '../format.ts';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ImportKey } from '../parts/import-key.tsx';
import { ResourceList } from '../parts/resource-list.tsx';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListPublicKeys', { nextToken, maxResults: pageSize }, signal);
  return { items: page.publicKeys, nextToken: page.nextToken };
}

export const keyDeletion = ({ arn, name }: { arn?: string; name: string }): Deletion => ({
  operation: 'DeletePublicKey',
  arn: arn!,
  name: name || idOf(arn!),
  warning: 'Tokens that were signed with its private key are refused from then on.',
});

export default function PublicKeys() {
  return (
    <ResourceList
      title="Public keys"
      description="They verify participant tokens that your application signs itself."
      section="/public-keys"
      type="public-key"
      load={list}
      columns={[]}
      create={{ action: 'ImportPublicKey', label: 'Import', form: (close) => <ImportKey close={close} /> }}
      deletion={keyDeletion}
    />
  );
}
