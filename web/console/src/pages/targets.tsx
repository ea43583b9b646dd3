import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';

import { addressOf, listTargets, redeliver, removeTarget, type TargetStatus, testTarget } from '../api/server.ts';
import { useLoad } from '../hooks.ts';
import { AddTarget } from '../parts/add-target.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { DeadDeliveries } from '../parts/dead-deliveries.tsx';
import { List } from '../parts/list.tsx';
import { useNotices } from '../parts/notices.tsx';
import { useSession } from '../parts/session.ts';

type Dialog = 'add' | 'remove' | undefined;

/** Where events are delivered to, and how that stands. */
export default function Targets() {
  const { node } = useSession();
  if (!node) return <Alert>Targets are managed by keys of the server's own account without policies.</Alert>;
  return <All />;
}

function All() {
  const all = useLoad((signal) => listTargets(signal), []);
  const [selected, setSelected] = useState<TargetStatus[]>([]);
  const [dialog, setDialog] = useState<Dialog>();
  const [testing, setTesting] = useState(false);
  const notices = useNotices();
  const found = all.value?.targets.find((t) => t.name === selected[0]?.name);
  const close = () => setDialog(undefined);
  const test = async () => {
    setTesting(true);
    try {
      notices.done(`${found!.name} accepted an event in ${(await testTarget(found!.name)).tookMs} ms.`);
    } catch (e) {
      notices.failed('The test failed', e);
    }
    setTesting(false);
  };
  const again = async () => {
    try {
      notices.done(`${(await redeliver(found!.name)).deliveries} deliveries are tried again.`);
      all.reload();
    } catch (e) {
      notices.failed('Trying again failed', e);
    }
  };
  return (
    <>
      <List
        title="Targets"
        level="h1"
        description="Webhooks, EventBridge buses and files that events are delivered to."
        pages={{ ...all, value: all.value?.targets, page: 1, count: 1, open: false, show: () => {} }}
        rowKey={(t) => t.name}
        selected={found ? [found] : []}
        select={setSelected}
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: (t) => t.name },
          { id: 'to', header: 'To', cell: (t) => addressOf(t) },
          { id: 'state', header: 'State', minWidth: 150, cell: (t) => <TargetState of={t} /> },
          { id: 'pending', header: 'Pending', cell: ({ state }) => (state.Behind + state.Parked).toLocaleString() },
          { id: 'dead', header: 'Given up', cell: ({ state }) => state.Dead.toLocaleString() },
          { id: 'error', header: 'Last error', cell: ({ state }) => state.LastError || '–' },
          { id: 'set', header: 'Set', cell: (t) => (t.configured ? 'in the configuration file' : 'here or by rostrum targets') },
        ]}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!found} loading={testing} onClick={test}>
              Test
            </Button>
            <Button disabled={!found?.state.Dead} onClick={again}>
              Deliver again
            </Button>
            <Button disabled={!found || found.configured} disabledReason={found?.configured ? 'The target is in the configuration file: remove it there.' : undefined} onClick={() => setDialog('remove')}>
              Remove
            </Button>
            <Button variant="primary" onClick={() => setDialog('add')}>
              Add target
            </Button>
          </SpaceBetween>
        }
        empty="No events are delivered. They can be seen on the page of events."
      />
      {found && found.state.Dead > 0 && <DeadDeliveries key={`${found.name} ${found.state.Dead}`} name={found.name} changed={all.reload} />}
      {dialog === 'add' && <AddTarget close={close} changed={all.reload} />}
      {dialog === 'remove' && found && (
        <Confirm title={`Remove ${found.name}?`} action="Remove" done={`${found.name} is removed.`} run={() => removeTarget(found.name).then(all.reload)} close={close}>
          {found.state.Behind + found.state.Parked > 0 ? `${(found.state.Behind + found.state.Parked).toLocaleString()} events that wait for it are not delivered. ` : ''}This can't be undone.
        </Confirm>
      )}
    </>
  );
}

function TargetState({ of }: { of: TargetStatus }) {
  if (of.disabled) return <StatusIndicator type="stopped">Disabled</StatusIndicator>;
  if (of.state.Parked > 0) return <StatusIndicator type="warning">Failing</StatusIndicator>;
  return <StatusIndicator>Delivering</StatusIndicator>;
}
