import Alert from '@cloudscape-design/components/alert';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Tiles from '@cloudscape-design/components/tiles';
import { useState } from 'react';

import { createKey, type Key, type KeySettings, updateKey } from '../api/server.ts';
import { Code } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
import { JsonField, jsonProblem } from './json.tsx';
import { useNotices } from './notices.tsx';
import { useSession } from './session.ts';
import { ShownOnce } from './shown-once.tsx';
import { fromPairs, type Pair, Pairs, toPairs } from './tags.tsx';

type May = 'all' | 'read' | 'own';

const readOnly = 'IVSReadOnlyAccess';

const example = JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'Read', Effect: 'Allow', Action: ['ivs:Get*', 'ivs:List*', 'rostrum:ReadEvents'], Resource: '*' }] }, null, 2);

/** The policies of a key as one text: one document, or a list of several. */
const textOf = (policies: unknown[] | undefined): string => (policies?.length ? JSON.stringify(policies.length === 1 ? policies[0] : policies, null, 2) : example);

/** Asks for a new access key and shows its secret once, or for what is to change about one. */
export function EditKey({ of, close, changed }: { of?: Key; close(): void; changed(): void }) {
  const [user, setUser] = useState(of?.user ?? '');
  const [may, setMay] = useState<May>(of?.boundedByPolicies ? 'own' : of ? 'all' : 'read');
  const [text, setText] = useState(() => textOf(of?.policies));
  const [pairs, setPairs] = useState<Pair[]>(() => toPairs(of?.tags ?? {}));
  const [days, setDays] = useState('');
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [made, setMade] = useState<Key>();
  const notices = useNotices();
  const settings = (): KeySettings => {
    const own = may === 'own' ? (JSON.parse(text) as unknown) : undefined;
    return {
      user,
      policies: may === 'own' ? (Array.isArray(own) ? own : [own]) : may === 'read' ? [readOnly] : [],
      unrestricted: may === 'all',
      tags: fromPairs(pairs),
      expires: of ? of.expires : Number(days) > 0 ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : undefined,
    };
  };
  const save = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      if (of) {
        await updateKey(of.accessKeyId, settings());
        notices.done(`${of.accessKeyId} is changed.`);
        close();
      } else {
        setMade(await createKey(settings()));
      }
      changed();
    } catch (e) {
      setProblem((e as Error).message);
      setRunning(false);
    }
  };
  if (made) return <Made of={made} close={close} />;
  const incomplete = !user || (may === 'own' && (!text.trim() || text.trim() === '[]' || !!jsonProblem(text)));
  return (
    <Dialog title={of ? `Edit ${of.accessKeyId}` : 'Create access key'} action={of ? 'Save' : 'Create'} running={running} disabled={incomplete} run={save} close={close}>
      {problem && (
        <Alert type="error" header={of ? 'The key is not changed' : 'The key is not created'}>
          {problem}
        </Alert>
      )}
      <FormField label="User" description="Who has the key. Policies know it as aws:username.">
        <Input value={user} onChange={({ detail }) => setUser(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <FormField label="May" stretch>
        <Tiles
          value={may}
          ariaLabel="What the key may do"
          onChange={({ detail }) => setMay(detail.value as May)}
          columns={1}
          items={[
            { value: 'read', label: 'Read only', description: `The built-in policy ${readOnly}.` },
            { value: 'own', label: 'What policies allow', description: 'IAM policy documents.' },
            { value: 'all', label: 'Everything', description: 'All in the account, access keys included.' },
          ]}
        />
      </FormField>
      {may === 'own' && <JsonField label="Policy" description="One document, or a list of several. It is checked when it is saved: nothing unknown is accepted." text={text} change={setText} rows={12} />}
      {!of && (
        <FormField label="Expires after, in days" constraintText="Empty: never.">
          <Input type="number" inputMode="numeric" value={days} onChange={({ detail }) => setDays(detail.value)} />
        </FormField>
      )}
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags. Policies know them as aws:PrincipalTag." />
    </Dialog>
  );
}

function Made({ of, close }: { of: Key; close(): void }) {
  const { endpoint, region } = useSession();
  const variables = `export AWS_ACCESS_KEY_ID=${of.accessKeyId}\nexport AWS_SECRET_ACCESS_KEY=${of.secretAccessKey}\nexport AWS_REGION=${region}\nexport AWS_ENDPOINT_URL_IVS_REALTIME=${endpoint}`;
  return (
    <ShownOnce title="The access key is ready" close={close}>
      <Alert type="warning">The secret is shown only now. Copy it before you close this.</Alert>
      <FormField label="Access key id">
        <Code text={of.accessKeyId} what="access key id" />
      </FormField>
      <FormField label="Secret access key">
        <Code text={of.secretAccessKey!} what="secret" />
      </FormField>
      <FormField label="For a shell">
        <Code text={variables} what="variables" />
      </FormField>
    </ShownOnce>
  );
}
