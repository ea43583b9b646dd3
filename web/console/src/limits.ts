// The limits of the API's fields, told before the server refuses what exceeds them.

export interface Limits {
  min: number;
  max: number;
  even?: boolean;
  optional?: boolean;
}

/** What is wrong with a number that was typed. */
export function numberProblem(text: string, { min, max, even, optional }: Limits): string | undefined {
  if (text.trim() === '') return optional ? undefined : 'A number is needed.';
  const value = Number(text);
  if (!Number.isInteger(value)) return 'This is not a whole number.';
  if (value < min || value > max) return max < 2 ** 31 - 1 ? `It must be from ${min} to ${max}.` : `It must be at least ${min}.`;
  return even && value % 2 !== 0 ? 'It must be even.' : undefined;
}

/** The number that was typed; undefined where there is none. */
export const numberOf = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text));

export const nameRule = 'Up to 128 letters, digits, hyphens and underscores.';

/** What is wrong with a name, or the key of an attribute. */
export const nameProblem = (text: string): string | undefined => (/^[a-zA-Z0-9\-_]{0,128}$/.test(text) ? undefined : nameRule);

/** What is wrong with the name of a bucket. */
export const bucketProblem = (text: string): string | undefined =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) && !text.includes('..') ? undefined : 'From 3 to 63 lower-case letters, digits, hyphens and dots.';

const maxPixels = 1920 * 1080;

/** What is wrong with the size of a picture whose sides are valid. */
export const sizeProblem = (width: string, height: string): string | undefined =>
  Number(width) * Number(height) > maxPixels ? `${width}×${height} are more pixels than 1920×1080.` : undefined;
