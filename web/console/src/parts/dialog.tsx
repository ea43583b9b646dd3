import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';

interface Props {
  title: string;
  action: string; // what the button says
  running: boolean;
  disabled?: boolean;
  run(): void;
  close(): void;
  children: ReactNode;
}

/** A dialog with one action, which can be cancelled. */
export function Dialog(p: Props) {
  return (
    <Modal
      visible
      header={p.title}
      onDismiss={p.close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={p.close}>
              Cancel
            </Button>
            <Button variant="primary" loading={p.running} disabled={p.disabled} onClick={p.run}>
              {p.action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">{p.children}</SpaceBetween>
    </Modal>
  );
}
