import type { Operations } from './operations.ts';

/** StageARN and stageArn alike become stage-arn, as the AWS CLI writes names. */
export const kebab = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();

/** Quotes a word for a POSIX shell. */
export const quote = (word: string): string => (/^[\w\-./:@%+=,]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

const option = (name: string, value: unknown): string => {
  if (typeof value === 'boolean') return value ? `--${kebab(name)}` : `--no-${kebab(name)}`;
  const list = Array.isArray(value) && value.every((v) => typeof v === 'string');
  if (list) return `--${kebab(name)} ${value.map(quote).join(' ')}`;
  const word = quote(typeof value === 'object' ? JSON.stringify(value) : String(value));
  return `--${kebab(name)}${word.startsWith('-') ? '=' : ' '}${word}`; // else it would be taken for an option
};

/** The line of the AWS CLI that calls an operation. */
export const cliLine = <K extends keyof Operations>(operation: K, input: Operations[K]['input']): string =>
  cli(operation, input as Record<string, unknown>);

/** The same for any operation. */
export const cli = (operation: string, input: Record<string, unknown>): string =>
  ['aws ivs-realtime', kebab(operation), ...Object.entries(input).filter(([, v]) => v !== undefined && v !== '').map(([k, v]) => option(k, v))].join(' ');
