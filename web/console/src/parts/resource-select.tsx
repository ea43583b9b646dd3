import FormField from '@cloudscape-design/components/form-field';
import Select, { type SelectProps } from '@cloudscape-design/components/select';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { mentions, type Page, pageSize, search } from '../api/search.ts';
import { idOf } from '../format.ts';
import { useLoad } from '../hooks.ts';

interface Choice {
  arn: string;
  name: string;
  detail?: string;
}

type Load = (nextToken: string | undefined, signal: AbortSignal) => Promise<Page<Choice>>;

const maxResults = pageSize;

/** The resources that a field can choose from. */
export const choices = {
  stages: async (nextToken, signal) => {
    const out = await call('ListStages', { nextToken, maxResults }, signal);
    return { items: out.stages, nextToken: out.nextToken };
  },
  channels: async (nextToken, signal) => {
    const out = await call('ListChannels', { nextToken, maxResults }, signal);
    return { items: out.channels, nextToken: out.nextToken };
  },
  encoders: async (nextToken, signal) => {
    const out = await call('ListEncoderConfigurations', { nextToken, maxResults }, signal);
    return { items: out.encoderConfigurations, nextToken: out.nextToken };
  },
  storages: async (nextToken, signal) => {
    const out = await call('ListStorageConfigurations', { nextToken, maxResults }, signal);
    return { items: out.storageConfigurations.map((s) => ({ ...s, detail: s.s3?.bucketName })), nextToken: out.nextToken };
  },
} satisfies Record<string, Load>;

/** The first of the resources; undefined where there is none. */
export const useFirst = (from: Load) => useLoad(async (signal) => (await from(undefined, signal)).items[0], [from]);

interface Props {
  label: string;
  from: Load; // one of choices
  value: string; // an ARN, or empty
  change(arn: string): void;
  none?: string; // what choosing nothing is called, if that can be chosen
  hint?: string;
}

/** Chooses a resource, found by its name, id or tags. */
export function ResourceSelect({ label, from, value, change, none, hint }: Props) {
  const [text, setText] = useState('');
  const found = useLoad(async (signal) => (await search((token) => from(token, signal), mentions(text), undefined)).items, [from, text]);
  const option = (c: Choice): SelectProps.Option => ({ value: c.arn, label: c.name || idOf(c.arn), description: c.detail ?? (c.name ? idOf(c.arn) : undefined) });
  const nothing: SelectProps.Option[] = none === undefined ? [] : [{ value: '', label: none }];
  const options = [...(text ? [] : nothing), ...(found.value ?? []).map(option)];
  const chosen = options.find((o) => o.value === value) ?? (value ? { value, label: idOf(value) } : (nothing[0] ?? null));
  return (
    <FormField label={label} constraintText={hint} errorText={found.error?.message}>
      <Select
        selectedOption={chosen}
        options={options}
        onChange={({ detail }) => change(detail.selectedOption.value ?? '')}
        filteringType="manual"
        filteringPlaceholder="Find by name, id or tag"
        filteringAriaLabel={`Find: ${label}`}
        onLoadItems={({ detail }) => setText(detail.filteringText)}
        placeholder="Choose"
        empty="None was found"
        statusType={found.loading ? 'loading' : 'finished'}
        loadingText="Loading"
        expandToViewport
      />
    </FormField>
  );
}
