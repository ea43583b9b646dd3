import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';

import type { Channel, CreateChannelInput, LatencyMode, Type } from '../api/channels.ts';
import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { idOf } from '../format.ts';
import { nameProblem } from '../limits.ts';
import { go } from '../router.ts';
import { NameField } from './fields.tsx';
import { Form } from './form.tsx';
import { useNotices } from './notices.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

const latencies: Record<LatencyMode, string> = { LOW: 'Low: a few seconds', NORMAL: 'Normal: more seconds, larger buffers' };
const types: Record<Type, string> = { STANDARD: 'Standard', BASIC: 'Basic', ADVANCED_SD: 'Advanced SD', ADVANCED_HD: 'Advanced HD' };

const options = <T extends string>(names: Record<T, string>) => (Object.keys(names) as T[]).map((value) => ({ value, label: names[value] }));

/** Asks for a new channel, or for what is to be changed of one that is not live. */
export function ChannelForm({ channel, close, changed }: { channel?: Channel; close(): void; changed?(): void }) {
  const [name, setName] = useState(channel?.name ?? '');
  const [latencyMode, setLatency] = useState<LatencyMode>(channel?.latencyMode ?? 'LOW');
  const [type, setType] = useState<Type>(channel?.type ?? 'STANDARD');
  const [insecureIngest, setInsecure] = useState(channel?.insecureIngest ?? false);
  const [pairs, setPairs] = useState<Pair[]>([]);
  const notices = useNotices();
  const given: CreateChannelInput = { name: name || undefined, latencyMode, type, insecureIngest: insecureIngest || undefined, tags: pairs.length > 0 ? fromPairs(pairs) : undefined };
  const update = channel && { arn: channel.arn, name, latencyMode, type, insecureIngest, preset: type.startsWith('ADVANCED') ? undefined : ('' as never) };
  const run = async () => {
    if (update) {
      await call('UpdateChannel', update);
      notices.done('The channel is changed.');
      changed?.();
      close();
      return;
    }
    const made = await call('CreateChannel', given);
    notices.done(`${made.channel!.name || idOf(made.channel!.arn)} is created.`);
    go(`/channels/${idOf(made.channel!.arn)}`);
  };
  return (
    <Form
      title={channel ? 'Change the channel' : 'Create channel'}
      action={channel ? 'Save' : 'Create'}
      line={update ? cliLine('UpdateChannel', update) : cliLine('CreateChannel', given)}
      disabled={nameProblem(name) !== undefined}
      run={run}
      close={close}
    >
      <NameField value={name} change={setName} />
      <FormField label="Latency">
        <Select selectedOption={{ value: latencyMode, label: latencies[latencyMode] }} options={options(latencies)} onChange={({ detail }) => setLatency(detail.selectedOption.value as LatencyMode)} />
      </FormField>
      <FormField label="Type" constraintText="It is stored for the tools that read it: the video of a channel is never transcoded.">
        <Select selectedOption={{ value: type, label: types[type] }} options={options(types)} onChange={({ detail }) => setType(detail.selectedOption.value as Type)} />
      </FormField>
      <Checkbox checked={insecureIngest} onChange={({ detail }) => setInsecure(detail.checked)} description="Encoders of other machines may use RTMP without TLS, which shows the stream key to the network.">
        Insecure ingest
      </Checkbox>
      {!channel && <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />}
    </Form>
  );
}
