const units = ['', 'k', 'M', 'G', 'T'];

/** A number with three digits and a unit: 12300000 is 12.3 M. */
export function scaled(value: number, unit: string): string {
  let power = 0;
  for (; value >= 1000 && power < units.length - 1; power++) value /= 1000;
  const text = value < 10 && power > 0 ? value.toFixed(2) : value < 100 && power > 0 ? value.toFixed(1) : Math.round(value).toString();
  return `${text} ${units[power]}${unit}`.trim();
}

export const bits = (value: number): string => scaled(value, 'bit/s');
export const bytes = (value: number): string => scaled(value, 'B');

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** A time of the API as people read it. */
export const time = (iso: string | undefined): string => (iso ? moment.format(new Date(iso)) : '–');
export const timeOfDay = (iso: string | undefined): string => (iso ? clock.format(new Date(iso)) : '–');

/** How long from one time to another, or to now. */
export function span(from: string | undefined, to?: string): string {
  if (!from) return '–';
  const seconds = Math.max(0, Math.round(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** PUBLISH_STARTED is Publish started. */
export const words = (constant: string | undefined): string => (constant ? constant[0] + constant.slice(1).toLowerCase().replaceAll('_', ' ') : '–');

/** The last part of an ARN. */
export const idOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);
