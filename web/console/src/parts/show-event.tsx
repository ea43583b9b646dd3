import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { addressOf, listTargets, sendEvent } from '../api/server.ts';
import { useLoad } from '../hooks.ts';
import { Code } from './cli-line.tsx';
import { type Logged, nameOf } from './logged-event.tsx';
import { useNotices } from './notices.tsx';
import { Problem } from './problem.tsx';
import { useSession } from './session.ts';

/** An event as JSON, which can be delivered to a target again. */
export function ShowEvent({ of, close }: { of: Logged; close(): void }) {
  const { node } = useSession();
  return (
    <Modal
      visible
      size="large"
      header={nameOf(of)}
      onDismiss={close}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={close}>
            Close
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {node && <Deliver cursor={of.cursor} />}
        <Code text={JSON.stringify(of.event, null, 2)} what="event" />
      </SpaceBetween>
    </Modal>
  );
}

function Deliver({ cursor }: { cursor: number }) {
  const all = useLoad((signal) => listTargets(signal), []);
  const [name, setName] = useState<string>();
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const notices = useNotices();
  const targets = all.value?.targets ?? [];
  if (all.value && targets.length === 0) return <Box color="text-body-secondary">There is no target that it could be delivered to again.</Box>;
  const options = targets.map((t) => ({ value: t.name, label: t.name, description: addressOf(t) }));
  const send = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      const { tookMs } = await sendEvent(name!, cursor);
      notices.done(`${name} accepted the event in ${tookMs} ms.`);
    } catch (e) {
      setProblem(e as Error);
    }
    setRunning(false);
  };
  return (
    <SpaceBetween size="s">
      {(problem ?? all.error) && <Problem what="Delivering the event" error={(problem ?? all.error)!} />}
      <div className="fields">
        <Select
          selectedOption={options.find((o) => o.value === name) ?? null}
          options={options}
          onChange={({ detail }) => setName(detail.selectedOption.value)}
          placeholder="A target"
          ariaLabel="Target"
          statusType={all.loading ? 'loading' : 'finished'}
          loadingText="Loading"
        />
        <Button disabled={!name} loading={running} onClick={send}>
          Deliver again
        </Button>
      </div>
    </SpaceBetween>
  );
}
