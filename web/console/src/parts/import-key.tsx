import Alert from '@cloudscape-design/components/alert';
import FormField from '@cloudscape-design/components/form-field';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { ImportPublicKeyInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { makeKeyPair } from '../keys.ts';
import { nameProblem } from '../limits.ts';
import { go } from '../router.ts';
import { Code } from './cli-line.tsx';
import { NameField } from './fields.tsx';
import { Form } from './form.tsx';
import { useNotices } from './notices.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

const commands = 'openssl ecparam -name secp384r1 -genkey -noout -out private-key.pem\nopenssl ec -in private-key.pem -pubout -out public-key.pem';

/** Whether the browser can make keys on this page: it was loaded over HTTPS or from this machine. */
const canMake = isSecureContext;

/** Saves a text as a file of the user. */
function save(name: string, text: string) {
  const href = URL.createObjectURL(new Blob([text], { type: 'application/x-pem-file' }));
  Object.assign(document.createElement('a'), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Imports a public key: one that there is, or of a pair that the browser makes. */
export function ImportKey({ close }: { close(): void }) {
  const [how, setHow] = useState(canMake ? 'make' : 'import');
  const [name, setName] = useState('');
  const [material, setMaterial] = useState('');
  const [pairs, setPairs] = useState<Pair[]>([]);
  const notices = useNotices();
  const input: ImportPublicKeyInput = { publicKeyMaterial: material, name: name || undefined, tags: pairs.length > 0 ? fromPairs(pairs) : undefined };
  const run = async () => {
    const pair = how === 'make' ? await makeKeyPair() : undefined;
    const made = (await call('ImportPublicKey', pair ? { ...input, publicKeyMaterial: pair.publicKey } : input)).publicKey!;
    if (pair) save('private-key.pem', pair.privateKey);
    notices.done(pair ? 'The public key is imported. The private key was saved as private-key.pem: it is nowhere else.' : `${made.name || idOf(made.arn!)} is imported.`);
    go(`/public-keys/${idOf(made.arn!)}`);
  };
  return (
    <Form
      title="Import public key"
      action={how === 'make' ? 'Make and import' : 'Import'}
      line={how === 'make' ? undefined : cliLine('ImportPublicKey', { ...input, publicKeyMaterial: material || 'file://public-key.pem' })}
      disabled={nameProblem(name) !== undefined || (how === 'import' && !material.trim())}
      run={run}
      close={close}
    >
      <RadioGroup
        value={how}
        onChange={({ detail }) => setHow(detail.value)}
        items={[
          { value: 'make', label: 'Make a key pair in this browser', description: canMake ? 'The private key is saved as a file, and sent nowhere.' : 'The browser does that on pages that are loaded over HTTPS or from this machine only.', disabled: !canMake },
          { value: 'import', label: 'Import a public key that there is', description: 'ECDSA on the curve P-384, as PEM.' },
        ]}
      />
      {how === 'import' && (
        <FormField label="Public key" stretch>
          <Textarea value={material} onChange={({ detail }) => setMaterial(detail.value)} rows={6} spellcheck={false} placeholder="-----BEGIN PUBLIC KEY-----" />
        </FormField>
      )}
      {how === 'import' && !material && (
        <Alert type="info" header="How to make a key pair">
          <Code text={commands} what="commands" />
        </Alert>
      )}
      <NameField value={name} change={setName} />
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />
    </Form>
  );
}
