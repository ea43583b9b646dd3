import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';

import { type Limits, nameProblem, nameRule, numberProblem } from '../limits.ts';

interface NumberProps extends Limits {
  label: string;
  value: string;
  change(value: string): void;
  hint?: string;
  problem?: string;
}

/** A whole number within limits. */
export function NumberField({ label, value, change, hint, problem, ...limits }: NumberProps) {
  const unit = limits.max < 2 ** 31 - 1 ? `From ${limits.min} to ${limits.max}${limits.even ? ', even' : ''}.` : undefined;
  return (
    <FormField label={label} constraintText={[unit, hint].filter(Boolean).join(' ') || undefined} errorText={numberProblem(value, limits) ?? problem}>
      <Input type="number" inputMode="numeric" value={value} onChange={({ detail }) => change(detail.value)} />
    </FormField>
  );
}

interface TextProps {
  value: string;
  change(value: string): void;
}

/** The name of a new resource. */
export function NameField({ value, change }: TextProps) {
  return (
    <FormField label="Name" constraintText={`${nameRule} It may be empty.`} errorText={nameProblem(value)}>
      <Input value={value} onChange={({ detail }) => change(detail.value)} autoFocus spellcheck={false} />
    </FormField>
  );
}

/** The key of an attribute of participants. */
export function AttributeField({ label, hint, value, change }: TextProps & { label: string; hint: string }) {
  return (
    <FormField label={label} constraintText={hint} errorText={nameProblem(value)}>
      <Input value={value} onChange={({ detail }) => change(detail.value)} spellcheck={false} placeholder="none" />
    </FormField>
  );
}
