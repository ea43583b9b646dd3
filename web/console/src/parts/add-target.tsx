import Alert from '@cloudscape-design/components/alert';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import { useState } from 'react';

import { addTarget, type Target, type TargetStatus } from '../api/server.ts';
import { Code } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
import { JsonField, jsonProblem } from './json.tsx';
import { useNotices } from './notices.tsx';
import { useSession } from './session.ts';
import { ShownOnce } from './shown-once.tsx';

type Kind = 'webhook' | 'bus' | 'file';

const labels: Record<Kind, string> = { webhook: 'URL', bus: 'Name or ARN of the bus', file: 'Path of the file' };

/** Asks for a new target; the secret of a webhook is shown once. */
export function AddTarget({ close, changed }: { close(): void; changed(): void }) {
  const { region } = useSession();
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('webhook');
  const [to, setTo] = useState('');
  const [isPrivate, setPrivate] = useState(false);
  const [own, setOwn] = useState(false);
  const [pattern, setPattern] = useState('');
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [added, setAdded] = useState<TargetStatus>();
  const notices = useNotices();
  const target = (): Target => ({
    name,
    rostrumEvents: own,
    pattern: pattern.trim() ? (JSON.parse(pattern) as unknown) : undefined,
    ...(kind === 'webhook' && { webhook: { url: to, allowPrivate: isPrivate } }),
    ...(kind === 'bus' && { bus: { name: to, region } }),
    ...(kind === 'file' && { file: { path: to } }),
  });
  const add = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      const now = await addTarget(target());
      notices.done(`${now.name} gets events from now on.`);
      changed();
      if (now.secret) setAdded(now);
      else close();
    } catch (e) {
      setProblem((e as Error).message);
      setRunning(false);
    }
  };
  if (added) return <Secret of={added} close={close} />;
  return (
    <Dialog title="Add target" action="Add" running={running} disabled={!name || !to || !!jsonProblem(pattern)} run={add} close={close}>
      {problem && (
        <Alert type="error" header="The target is not added">
          {problem}
        </Alert>
      )}
      <FormField label="Name" constraintText="Small letters, digits and hyphens.">
        <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <FormField label="Kind">
        <SegmentedControl
          label="Kind of target"
          selectedId={kind}
          onChange={({ detail }) => setKind(detail.selectedId as Kind)}
          options={[
            { id: 'webhook', text: 'Webhook' },
            { id: 'bus', text: 'EventBridge bus' },
            { id: 'file', text: 'File' },
          ]}
        />
      </FormField>
      <FormField label={labels[kind]} stretch>
        <Input value={to} onChange={({ detail }) => setTo(detail.value)} spellcheck={false} placeholder={{ webhook: 'https://app.example/hook', bus: 'default', file: '/var/log/rostrum-events.jsonl' }[kind]} />
      </FormField>
      {kind === 'webhook' && (
        <Checkbox checked={isPrivate} onChange={({ detail }) => setPrivate(detail.checked)} description="And http:// on this machine.">
          The URL may be at a private address
        </Checkbox>
      )}
      <Checkbox checked={own} onChange={({ detail }) => setOwn(detail.checked)} description="Joins, leaves and sessions, which the managed service does not send.">
        Rostrum's own events, too
      </Checkbox>
      <JsonField label="Event pattern" description="Empty: all events." text={pattern} change={setPattern} rows={4} placeholder='{"detail": {"event_name": ["Participant Published"]}}' />
    </Dialog>
  );
}

function Secret({ of, close }: { of: TargetStatus; close(): void }) {
  return (
    <ShownOnce title="The webhook is ready" close={close}>
      <Alert type="warning">The secret is shown only now. Receivers check the signature of deliveries with it.</Alert>
      <FormField label={`Secret, key ${of.keyIds?.[0] ?? ''}`}>
        <Code text={of.secret!} what="secret" />
      </FormField>
    </ShownOnce>
  );
}
