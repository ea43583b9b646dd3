import Button from '@cloudscape-design/components/button';

import { listDead, redeliver } from '../api/server.ts';
import { time } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { List } from './list.tsx';
import { useNotices } from './notices.tsx';

/** The deliveries to a target that were given up, oldest first. */
export function DeadDeliveries({ name, changed }: { name: string; changed(): void }) {
  const dead = useLoad((signal) => listDead(name, signal), [name]);
  const notices = useNotices();
  const again = async (cursor: number) => {
    try {
      await redeliver(name, cursor);
      notices.done(`Event ${cursor} is tried again.`);
      changed();
    } catch (e) {
      notices.failed('Trying again failed', e);
    }
  };
  return (
    <List
      title={`Given up: ${name}`}
      description="The oldest are shown, 100 at most."
      pages={{ ...dead, value: dead.value?.dead, page: 1, count: 1, open: false, show: () => {} }}
      rowKey={(d) => String(d.cursor)}
      columns={[
        { id: 'cursor', header: 'Event', isRowHeader: true, cell: (d) => d.cursor },
        { id: 'since', header: 'Since', cell: (d) => time(d.since) },
        { id: 'attempts', header: 'Attempts', cell: (d) => d.attempts },
        { id: 'error', header: 'Error', cell: (d) => d.error },
        {
          id: 'again',
          header: 'Deliver again',
          cell: (d) => (
            <Button variant="inline-link" ariaLabel={`Deliver event ${d.cursor} again`} onClick={() => again(d.cursor)}>
              Try again
            </Button>
          ),
        },
      ]}
      empty="No delivery was given up."
    />
  );
}
