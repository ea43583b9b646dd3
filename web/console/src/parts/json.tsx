import Box from '@cloudscape-design/components/box';
import FormField from '@cloudscape-design/components/form-field';
import Textarea from '@cloudscape-design/components/textarea';

interface Props {
  label: string;
  description?: string;
  text: string;
  change(text: string): void;
  rows?: number;
  problem?: string; // what the server says of it
  placeholder?: string;
}

/** What keeps a text from being JSON; undefined if it is, or if it is empty. */
export function jsonProblem(text: string): string | undefined {
  if (!text.trim()) return;
  try {
    JSON.parse(text);
  } catch (e) {
    return `This is not JSON: ${(e as Error).message}`;
  }
}

/** Edits a JSON document, and tells while it is typed whether it is one. */
export function JsonField({ label, description, text, change, rows = 10, problem, placeholder }: Props) {
  return (
    <FormField label={label} description={description} errorText={jsonProblem(text) ?? problem} stretch>
      <div className="json">
        <Textarea value={text} onChange={({ detail }) => change(detail.value)} rows={rows} spellcheck={false} disableBrowserAutocorrect placeholder={placeholder} />
      </div>
    </FormField>
  );
}

/** A JSON value to read. */
export const Json = ({ value }: { value: unknown }) => (
  <Box variant="code">
    <span className="code">{JSON.stringify(value, null, 2)}</span>
  </Box>
);
