import { type ReactNode, useState } from 'react';

import { CliLine } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
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
    <Dialog title={title} action={action} running={running} run={submit} close={close}>
      <div>{children}</div>
      {line && <CliLine line={line} />}
    </Dialog>
  );
}
