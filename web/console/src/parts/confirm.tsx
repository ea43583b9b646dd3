import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';

import { CliLine } from './cli-line.tsx';
import { useNotices } from './notices.tsx';

interface Props {
  title: string;
  action: string; // the verb on the button
  done: string; // the notice
  line?: string; // of the AWS CLI
  children: ReactNode;
  run(): Promise<unknown>;
  close(): void;
}

/** Asks before something is done that can't be undone. */
export function Confirm({ title, action, done, line, children, run, close }: Props) {
  const [running, setRunning] = useState(false);
  const notices = useNotices();
  const submit = async () => {
    setRunning(true);
    try {
      await run();
      notices.done(done);
    } catch (e) {
      notices.failed(`${action} failed`, e);
    }
    setRunning(false);
    close();
  };
  return (
    <Modal
      visible
      header={title}
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" loading={running} onClick={submit}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <div>{children}</div>
        {line && <CliLine line={line} />}
      </SpaceBetween>
    </Modal>
  );
}
