import Alert from '@cloudscape-design/components/alert';
import Badge from '@cloudscape-design/components/badge';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { deleteKey, type Key, listKeys, revokeKey } from '../api/server.ts';
import { time } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { Confirm } from '../parts/confirm.tsx';
import { EditKey } from '../parts/edit-key.tsx';
import { MayTester } from '../parts/may-tester.tsx';
import { List } from '../parts/list.tsx';
import { useSession } from '../parts/session.ts';
import { Tags } from '../parts/tags.tsx';

type Dialog = 'create' | 'edit' | 'revoke' | 'delete' | 'may' | undefined;

const matches = (k: Key, text: string) => [k.accessKeyId, k.user, ...Object.entries(k.tags ?? {}).flat()].some((t) => t.toLowerCase().includes(text));

/** The access keys of the account, and what they may do. */
export default function Keys() {
  const { accessKeyId, restricted } = useSession();
  if (restricted) return <Alert>Access keys are managed by keys of the account without policies. Yours is {accessKeyId}.</Alert>;
  return <All own={accessKeyId} />;
}

function All({ own }: { own: string }) {
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState<Key[]>([]);
  const [dialog, setDialog] = useState<Dialog>();
  const all = useLoad((signal) => listKeys(signal), []);
  const shown = all.value?.keys.filter((k) => matches(k, filter.trim().toLowerCase()));
  const key = shown?.find((k) => k.accessKeyId === selected[0]?.accessKeyId);
  const isOwn = key?.accessKeyId === own;
  const why = isOwn ? 'You are signed in with this key: sign in with another to change it.' : undefined;
  const close = () => setDialog(undefined);
  return (
    <>
      <List
        title="Access keys"
        level="h1"
        description="Programs and people sign requests with them, and sign in here. Policies limit what a key may do."
        pages={{ ...all, value: shown, page: 1, count: 1, open: false, show: () => {} }}
        rowKey={(k) => k.accessKeyId}
        rowName={(k) => k.accessKeyId}
        selected={key ? [key] : []}
        select={setSelected}
        columns={[
          {
            id: 'id',
            header: 'Access key',
            isRowHeader: true,
            cell: (k) => (
              <SpaceBetween direction="horizontal" size="xs">
                {k.accessKeyId}
                {k.accessKeyId === own && <Badge color="blue">Yours</Badge>}
              </SpaceBetween>
            ),
          },
          { id: 'user', header: 'User', cell: (k) => k.user },
          { id: 'may', header: 'May', cell: (k) => (k.boundedByPolicies ? `what ${k.policies?.length === 1 ? 'its policy allows' : `its ${k.policies?.length} policies allow`}` : 'everything in the account') },
          { id: 'state', header: 'State', minWidth: 150, cell: (k) => <KeyState of={k} /> },
          { id: 'created', header: 'Created', cell: (k) => time(k.created) },
          { id: 'tags', header: 'Tags', cell: (k) => <Tags tags={k.tags} /> },
        ]}
        filter={<TextFilter filteringText={filter} filteringPlaceholder="Find by key, user or tag" filteringAriaLabel="Find access keys" onChange={({ detail }) => setFilter(detail.filteringText)} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!key} onClick={() => setDialog('may')}>
              Test policies
            </Button>
            <Button disabled={!key || isOwn} disabledReason={why} onClick={() => setDialog('edit')}>
              Edit
            </Button>
            <Button disabled={!key || isOwn || !!key.revoked} disabledReason={why} onClick={() => setDialog('revoke')}>
              Revoke
            </Button>
            <Button disabled={!key || isOwn} disabledReason={why} onClick={() => setDialog('delete')}>
              Delete
            </Button>
            <Button variant="primary" onClick={() => setDialog('create')}>
              Create access key
            </Button>
          </SpaceBetween>
        }
        empty={filter ? 'No access key matches.' : 'There are no access keys.'}
      />
      {dialog === 'create' && <EditKey close={close} changed={all.reload} />}
      {dialog === 'edit' && key && <EditKey of={key} close={close} changed={all.reload} />}
      {dialog === 'may' && key && <MayTester of={key} close={close} />}
      {dialog === 'revoke' && key && (
        <Confirm title={`Revoke ${key.accessKeyId}?`} action="Revoke" done={`${key.accessKeyId} is revoked.`} run={() => revokeKey(key.accessKeyId).then(all.reload)} close={close}>
          Requests of {key.user} with this key are refused within a second, and its console sessions end. This can't be undone: create another key for {key.user} first.
        </Confirm>
      )}
      {dialog === 'delete' && key && (
        <Confirm title={`Delete ${key.accessKeyId}?`} action="Delete" done={`${key.accessKeyId} is deleted.`} run={() => deleteKey(key.accessKeyId).then(all.reload)} close={close}>
          {key.revoked ? '' : `The key is valid: requests of ${key.user} with it are refused within a second. `}It leaves the list. This can't be undone.
        </Confirm>
      )}
    </>
  );
}

function KeyState({ of }: { of: Key }) {
  if (of.revoked) return <StatusIndicator type="stopped">Revoked {time(of.revoked)}</StatusIndicator>;
  if (!of.expires) return <StatusIndicator>Valid</StatusIndicator>;
  const expired = Date.parse(of.expires) < Date.now();
  return <StatusIndicator type={expired ? 'stopped' : 'success'}>{`${expired ? 'Expired' : 'Valid until'} ${time(of.expires)}`}</StatusIndicator>;
}
