import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { CreateStageInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { go } from '../router.ts';
import { CliLine } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
import { useNotices } from './notices.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

/** Asks for a new stage, and shows it when it is there. */
export function CreateStage({ close }: { close(): void }) {
  const [name, setName] = useState('');
  const [pairs, setPairs] = useState<Pair[]>([]);
  const [running, setRunning] = useState(false);
  const notices = useNotices();
  const input: CreateStageInput = { name: name || undefined, tags: pairs.length > 0 ? fromPairs(pairs) : undefined };
  const create = async () => {
    setRunning(true);
    try {
      const { stage } = await call('CreateStage', input);
      notices.done(`${stage!.name || idOf(stage!.arn)} is created.`);
      go(`/stages/${idOf(stage!.arn)}`);
    } catch (e) {
      notices.failed('Creating the stage failed', e);
      close();
    }
  };
  return (
    <Dialog title="Create stage" action="Create" running={running} run={create} close={close}>
      <FormField label="Name" constraintText="Up to 128 letters, digits, hyphens and underscores. It may be empty.">
        <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />
      <CliLine line={cliLine('CreateStage', input)} />
    </Dialog>
  );
}
