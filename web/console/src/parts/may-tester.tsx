import Alert from '@cloudscape-design/components/alert';
import Autosuggest from '@cloudscape-design/components/autosuggest';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';

import { explainKey, type Key, listActions, type Verdict } from '../api/server.ts';
import { useLoad } from '../hooks.ts';
import { Dialog } from './dialog.tsx';
import { useArn } from './session.ts';

/** Asks whether a key may do something, and shows which statement decides. */
export function MayTester({ of, close }: { of: Key; close(): void }) {
  const any = useArn('stage', '*');
  const [action, setAction] = useState('ivs:DeleteStage');
  const [resource, setResource] = useState(any);
  const [running, setRunning] = useState(false);
  const [verdict, setVerdict] = useState<Verdict>();
  const [problem, setProblem] = useState<string>();
  const actions = useLoad((signal) => listActions(signal), []);
  const ask = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      setVerdict(await explainKey(of.accessKeyId, { action, resource }));
    } catch (e) {
      setVerdict(undefined);
      setProblem((e as Error).message);
    }
    setRunning(false);
  };
  return (
    <Dialog title={`May ${of.user} do that?`} action="Ask" running={running} disabled={!action || !resource} run={ask} close={close}>
      <FormField label="Action">
        <Autosuggest
          value={action}
          onChange={({ detail }) => setAction(detail.value)}
          options={(actions.value?.actions ?? []).map((value) => ({ value }))}
          enteredTextLabel={(value) => `Use “${value}”`}
          statusType={actions.loading ? 'loading' : 'finished'}
          loadingText="Loading"
          empty="No action has this name"
        />
      </FormField>
      <FormField label="Resource" description="An ARN, one that ends in /* for what is to be created, or * for no resource in particular.">
        <Input value={resource} onChange={({ detail }) => setResource(detail.value)} spellcheck={false} />
      </FormField>
      {problem && <Alert type="error">{problem}</Alert>}
      {verdict && (
        <Alert type={verdict.allowed ? 'success' : 'warning'} header={verdict.allowed ? 'Yes' : 'No'}>
          {verdict.decision}: {verdict.because}
          <ul className="statements">
            {verdict.statements.map((s) => (
              <li key={`${s.policy} ${s.statement}`}>
                <StatusIndicator type={s.decides ? (s.effect === 'Allow' ? 'success' : 'error') : s.applies ? 'info' : 'stopped'}>
                  {`Policy ${s.policy + 1}, Statement[${s.statement}]${s.sid ? ` “${s.sid}”` : ''}, ${s.effect}: ${s.applies ? (s.decides ? 'decides' : 'applies') : s.because}`}
                </StatusIndicator>
              </li>
            ))}
          </ul>
        </Alert>
      )}
    </Dialog>
  );
}
