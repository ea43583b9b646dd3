import Alert from '@cloudscape-design/components/alert';
import { type ReactNode, useState } from 'react';

import { CliLine } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';

interface Props {
  title: string;
  action: string; // what the button says
  line?: string; // of the AWS CLI
  disabled?: boolean;
  run(): Promise<unknown>;
  close(): void;
  children: ReactNode;
}

/** A dialog that asks for something. Where the server refuses it, it stays open and says why. */
export function Form({ title, action, line, disabled, run, close, children }: Props) {
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<Error>();
  const submit = async () => {
    setRunning(true);
    setError(undefined);
    try {
      await run();
    } catch (e) {
      setError(e as Error);
      setRunning(false);
    }
  };
  return (
    <Dialog title={title} action={action} running={running} disabled={disabled} run={submit} close={close}>
      {error && (
        <Alert type="error" header={`${action} failed`}>
          {error.message}
        </Alert>
      )}
      {children}
      {line && <CliLine line={line} />}
    </Dialog>
  );
}
