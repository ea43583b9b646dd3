import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { CreateIngestConfigurationInput, IngestProtocol } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { nameProblem } from '../limits.ts';
import { go } from '../router.ts';
import { NameField } from './fields.tsx';
import { Form } from './form.tsx';
import { useNotices } from './notices.tsx';
import { choices, ResourceSelect } from './resource-select.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

const protocols = [
  { value: 'RTMPS', label: 'RTMPS', description: 'Encrypted. The server needs a certificate, and to listen for it.' },
  { value: 'RTMP', label: 'RTMP, insecure', description: 'It shows the stream key to the network.' },
];

/** Asks for a new ingest configuration. */
export function CreateIngest({ close }: { close(): void }) {
  const [name, setName] = useState('');
  const [stageArn, setStage] = useState('');
  const [userId, setUserId] = useState('');
  const [protocol, setProtocol] = useState<IngestProtocol>('RTMPS');
  const [redundant, setRedundant] = useState(false);
  const [attributes, setAttributes] = useState<Pair[]>([]);
  const [tags, setTags] = useState<Pair[]>([]);
  const notices = useNotices();
  const input: CreateIngestConfigurationInput = {
    name: name || undefined,
    stageArn: stageArn || undefined,
    userId: userId || undefined,
    ingestProtocol: protocol,
    insecureIngest: protocol === 'RTMP' || undefined,
    redundantIngest: redundant || undefined,
    attributes: attributes.length > 0 ? fromPairs(attributes) : undefined,
    tags: tags.length > 0 ? fromPairs(tags) : undefined,
  };
  const run = async () => {
    const made = (await call('CreateIngestConfiguration', input)).ingestConfiguration!;
    notices.done(`${made.name || idOf(made.arn)} is created.`);
    go(`/ingest-configurations/${idOf(made.arn)}`);
  };
  return (
    <Form title="Create ingest configuration" action="Create" line={cliLine('CreateIngestConfiguration', input)} disabled={nameProblem(name) !== undefined} run={run} close={close}>
      <NameField value={name} change={setName} />
      <ResourceSelect label="Stage" from={choices.stages} value={stageArn} change={setStage} none="None yet" hint="Where the encoder publishes. It can be set later." />
      <FormField label="User id" constraintText="Who the encoder is in your application, up to 128 characters. It may be empty.">
        <Input value={userId} onChange={({ detail }) => setUserId(detail.value)} spellcheck={false} />
      </FormField>
      <FormField label="Protocol">
        <RadioGroup value={protocol} items={protocols} onChange={({ detail }) => setProtocol(detail.value as IngestProtocol)} />
      </FormField>
      <Checkbox checked={redundant} onChange={({ detail }) => setRedundant(detail.checked)} description="Two encoders send the same, each with a key of its own. Viewers see one participant.">
        Redundant ingest
      </Checkbox>
      <Pairs pairs={attributes} change={setAttributes} add="Add an attribute" empty="There are no attributes." />
      <Pairs pairs={tags} change={setTags} add="Add a tag" empty="There are no tags." />
    </Form>
  );
}
