import type { Api } from './client.ts';

/** StageARN and stageArn alike become stage-arn, as the AWS CLI writes names. */
export const kebab = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();

/** Quotes a word for a POSIX shell. */
export const quote = (word: string): string => (/^[\w\-./:@%+=,]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** How long a value may be on the line itself. */
const maxInline = 160;

const json = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** Whether a value is given in a file of its own, as the AWS CLI reads it. */
const needsFile = (value: unknown): boolean => json(value) && JSON.stringify(value).length > maxInline;

const option = (name: string, value: unknown): string => {
  if (needsFile(value)) return `--${kebab(name)} file://${kebab(name)}.json`;
  if (typeof value === 'boolean') return value ? `--${kebab(name)}` : `--no-${kebab(name)}`;
  const list = Array.isArray(value) && value.every((v) => typeof v === 'string');
  if (list) return `--${kebab(name)} ${value.map(quote).join(' ')}`;
  const word = quote(typeof value === 'object' ? JSON.stringify(value) : String(value));
  return `--${kebab(name)}${word.startsWith('-') ? '=' : ' '}${word}`; // else it would be taken for an option
};

/** Writes a value to the file that its option names. */
const file = (name: string, value: unknown): string => `cat > ${kebab(name)}.json <<'EOF'\n${JSON.stringify(value, null, 2)}\nEOF\n`;

/** The line of the AWS CLI that calls an operation, after files of what is long. */
export const cliLine = <K extends keyof Api>(operation: K, input: Api[K]['input']): string =>
  cli(operation, input as Record<string, unknown>);

/** The API of channels is another service. */
const isOfChannels = (operation: string): boolean => /(Channel|Stream|StreamKey)s?$/.test(operation);

/** The same for any operation. */
export function cli(operation: string, input: Record<string, unknown>): string {
  const given = Object.entries(input).filter(([, v]) => v !== undefined && v !== '');
  const files = given.filter(([, v]) => needsFile(v)).map(([k, v]) => file(k, v));
  return files.join('') + [isOfChannels(operation) ? 'aws ivs' : 'aws ivs-realtime', kebab(operation), ...given.map(([k, v]) => option(k, v))].join(' ');
}
