// What a layout is chosen from, before it is a LayoutConfiguration of the API.
import type { GridConfiguration, LayoutConfiguration, PipBehavior, PipConfiguration, PipPosition, VideoAspectRatio, VideoFillMode } from './api/operations.ts';
import { type Limits, nameProblem, numberOf, numberProblem } from './limits.ts';

export interface LayoutForm {
  kind: 'grid' | 'pip';
  featured: string; // attributes
  order: string;
  omitStopped: boolean;
  gap: string; // pixels; empty for the default
  fill: VideoFillMode | '';
  aspect: VideoAspectRatio; // of a grid
  window: string; // an attribute; the rest is of picture in picture, too
  behavior: PipBehavior;
  position: PipPosition;
  offset: string;
  width: string;
  height: string;
}

export const defaultLayout: LayoutForm = { kind: 'grid', featured: '', order: '', omitStopped: false, gap: '', fill: '', aspect: 'VIDEO', window: '', behavior: 'STATIC', position: 'BOTTOM_RIGHT', offset: '', width: '', height: '' };

export const pixels: Limits = { min: 0, max: 2 ** 31 - 1, optional: true };
export const side: Limits = { min: 1, max: 2 ** 31 - 1, optional: true };

/** What is wrong with a layout, if anything. */
export function layoutProblem(f: LayoutForm): string | undefined {
  const common = [nameProblem(f.featured), nameProblem(f.order), numberProblem(f.gap, pixels)];
  const ofPip = [nameProblem(f.window), numberProblem(f.offset, pixels), numberProblem(f.width, side), numberProblem(f.height, side)];
  return [...common, ...(f.kind === 'pip' ? ofPip : [])].find(Boolean);
}

/** The configuration of the API. What is as by default is left out. */
export function layoutOf(f: LayoutForm): LayoutConfiguration {
  const common = { featuredParticipantAttribute: f.featured || undefined, participantOrderAttribute: f.order || undefined, omitStoppedVideo: f.omitStopped || undefined, gridGap: numberOf(f.gap), videoFillMode: f.fill || undefined };
  if (f.kind === 'grid') return { grid: given<GridConfiguration>({ ...common, videoAspectRatio: f.aspect === 'VIDEO' ? undefined : f.aspect }) };
  return {
    pip: given<PipConfiguration>({
      ...common,
      pipParticipantAttribute: f.window || undefined,
      pipBehavior: f.behavior === 'STATIC' ? undefined : f.behavior,
      pipPosition: f.position === 'BOTTOM_RIGHT' ? undefined : f.position,
      pipOffset: numberOf(f.offset),
      pipWidth: numberOf(f.width),
      pipHeight: numberOf(f.height),
    }),
  };
}

/** Without the members that are undefined. The API has a default for each. */
const given = <T>(members: Partial<T>): T => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;

/** Participants for trying a layout, in order of arrival. */
export interface Sample {
  count: string;
  upright: boolean; // the second sends upright video
  stopped: boolean; // the last has stopped its video
}

export interface SampleParticipant {
  id: string;
  attributes: Record<string, string>;
  picture: { width: number; height: number };
  stopped: boolean;
}

export const sampleCount: Limits = { min: 0, max: 50 };

/**
 * The participants of a sample: the first is featured, the last one with video is in the window,
 * and their order is the reverse of their arrival, where there are such attributes.
 */
export function participantsOf(form: LayoutForm, { count, upright, stopped }: Sample): SampleParticipant[] {
  const n = numberProblem(count, sampleCount) ? 0 : Number(count);
  const inWindow = stopped && n > 1 ? n - 1 : n;
  return Array.from({ length: n }, (_, i) => ({
    id: `${i + 1}`,
    attributes: given<Record<string, string>>({
      ...(form.order && { [form.order]: `${n - i}` }),
      ...(form.featured && i === 0 && { [form.featured]: 'true' }),
      ...(form.kind === 'pip' && form.window && i === inWindow - 1 && { [form.window]: 'true' }),
    }),
    picture: upright && i === 1 ? { width: 720, height: 1280 } : { width: 1280, height: 720 },
    stopped: stopped && i === n - 1,
  }));
}
