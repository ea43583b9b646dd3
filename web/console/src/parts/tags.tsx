import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

import { changeTags, tagLines } from '../api/client.ts';
import { CliLine } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
import { useNotices } from './notices.tsx';

export interface Pair {
  key: string;
  value: string;
}

export const toPairs = (tags: Record<string, string>): Pair[] => Object.entries(tags).map(([key, value]) => ({ key, value }));
export const fromPairs = (pairs: Pair[]): Record<string, string> => Object.fromEntries(pairs.filter((p) => p.key).map((p) => [p.key, p.value]));

/** Edits names with values. */
export function Pairs({ pairs, change, add, empty }: { pairs: Pair[]; change(pairs: Pair[]): void; add: string; empty: string }) {
  const set = (index: number, part: Partial<Pair>) => change(pairs.map((p, i) => (i === index ? { ...p, ...part } : p)));
  return (
    <AttributeEditor
      items={pairs}
      addButtonText={add}
      removeButtonText="Remove"
      empty={empty}
      onAddButtonClick={() => change([...pairs, { key: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => change(pairs.filter((_, i) => i !== detail.itemIndex))}
      definition={[
        { label: 'Name', control: (p: Pair, i: number) => <Input value={p.key} onChange={({ detail }) => set(i, { key: detail.value })} /> },
        { label: 'Value', control: (p: Pair, i: number) => <Input value={p.value} onChange={({ detail }) => set(i, { value: detail.value })} /> },
      ]}
    />
  );
}

/** Tags as one line. */
export function Tags({ tags }: { tags: Record<string, string> | undefined }) {
  const all = toPairs(tags ?? {});
  return <>{all.length > 0 ? all.map((t) => (t.value ? `${t.key}: ${t.value}` : t.key)).join(', ') : '–'}</>;
}

/** Asks for the new tags of a resource. */
export function EditTags({ arn, tags, close, changed }: { arn: string; tags: Record<string, string>; close(): void; changed(): void }) {
  const [pairs, setPairs] = useState(() => toPairs(tags));
  const [running, setRunning] = useState(false);
  const notices = useNotices();
  const save = async () => {
    setRunning(true);
    try {
      await changeTags(arn, tags, fromPairs(pairs));
      notices.done('The tags are changed.');
      close();
    } catch (e) {
      notices.failed('Changing the tags failed', e);
      setRunning(false);
    }
    changed(); // a part of it may be done
  };
  return (
    <Dialog title="Tags" action="Save" running={running} run={save} close={close}>
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />
      {tagLines(arn, tags, fromPairs(pairs)).map((line) => (
        <CliLine key={line} line={line} />
      ))}
    </Dialog>
  );
}
