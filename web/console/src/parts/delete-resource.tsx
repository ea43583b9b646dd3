import Checkbox from '@cloudscape-design/components/checkbox';
import { useState } from 'react';

import { type Api, call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { Confirm } from './confirm.tsx';

/** What is deleted, and what follows from it. */
export interface Deletion {
  operation: keyof Api & `Delete${string}`;
  arn: string;
  name: string;
  warning: string;
  force?: string; // what forcing it does, where the API can
}

/** Asks before a resource is deleted. */
export function DeleteResource({ operation, arn, name, warning, force, close, deleted }: Deletion & { close(): void; deleted(): void }) {
  const [forced, setForced] = useState(false);
  const input = { arn, ...(forced && { force: true }) };
  return (
    <Confirm title={`Delete ${name}?`} action="Delete" done={`${name} is deleted.`} line={cliLine(operation, input as never)} run={() => call(operation, input as never).then(deleted)} close={close}>
      {warning} This can't be undone.
      {force && (
        <Checkbox checked={forced} onChange={({ detail }) => setForced(detail.checked)}>
          {force}
        </Checkbox>
      )}
    </Confirm>
  );
}
