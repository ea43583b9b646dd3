import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { CreateStorageConfigurationInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { bucketProblem, nameProblem } from '../limits.ts';
import { go } from '../router.ts';
import { NameField } from './fields.tsx';
import { Form } from './form.tsx';
import { useNotices } from './notices.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

/** Asks for a new storage configuration. */
export function CreateStorage({ close }: { close(): void }) {
  const [name, setName] = useState('');
  const [bucketName, setBucket] = useState('');
  const [pairs, setPairs] = useState<Pair[]>([]);
  const notices = useNotices();
  const input: CreateStorageConfigurationInput = { name: name || undefined, s3: { bucketName }, tags: pairs.length > 0 ? fromPairs(pairs) : undefined };
  const problem = bucketProblem(bucketName);
  const run = async () => {
    const made = (await call('CreateStorageConfiguration', input)).storageConfiguration!;
    notices.done(`${made.name || idOf(made.arn)} is created.`);
    go(`/storage-configurations/${idOf(made.arn)}`);
  };
  return (
    <Form title="Create storage configuration" action="Create" line={cliLine('CreateStorageConfiguration', input)} disabled={!!(problem ?? nameProblem(name))} run={run} close={close}>
      <NameField value={name} change={setName} />
      <FormField label="Bucket" constraintText="A folder of that name in the server's data, or a bucket of its S3 server, which must exist." errorText={bucketName && problem}>
        <Input value={bucketName} onChange={({ detail }) => setBucket(detail.value)} spellcheck={false} placeholder="recordings" />
      </FormField>
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />
    </Form>
  );
}
