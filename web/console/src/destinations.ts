// Where a composition goes, before it is a list of the API: to a channel, into a bucket, or both.
import type { DestinationConfiguration, ThumbnailStorageType } from './api/operations.ts';
import { type Limits, numberOf, numberProblem } from './limits.ts';

export interface DestinationsForm {
  channel: boolean;
  channelArn: string;
  channelEncoder: string; // an ARN, or empty
  storage: boolean;
  storageArn: string;
  storageEncoder: string; // an ARN
  segment: string; // seconds
  thumbnails: boolean;
  interval: string; // seconds
  thumbnailStorage: ThumbnailStorageType[];
}

export const noDestinations: DestinationsForm = { channel: false, channelArn: '', channelEncoder: '', storage: false, storageArn: '', storageEncoder: '', segment: '', thumbnails: false, interval: '', thumbnailStorage: ['SEQUENTIAL'] };

export const segmentSeconds: Limits = { min: 2, max: 10, optional: true };
export const intervalSeconds: Limits = { min: 1, max: 86_400, optional: true };

/** What is missing or wrong, if anything. */
export function destinationsProblem(f: DestinationsForm): string | undefined {
  if (!f.channel && !f.storage) return 'A destination is needed: a channel, a recording, or both.';
  if (f.channel && !f.channelArn) return 'A channel has to be chosen.';
  if (f.storage && !f.storageArn) return 'A storage configuration has to be chosen.';
  if (f.storage && !f.storageEncoder) return 'A recording needs an encoder configuration.';
  if (f.storage && f.thumbnails && f.thumbnailStorage.length === 0) return 'Thumbnails have to be stored in some way.';
  return f.storage ? (numberProblem(f.segment, segmentSeconds) ?? (f.thumbnails ? numberProblem(f.interval, intervalSeconds) : undefined)) : undefined;
}

/** The destinations as the API takes them. */
export function destinationsOf(f: DestinationsForm): DestinationConfiguration[] {
  const all: Omit<DestinationConfiguration, 'name'>[] = [];
  if (f.channel) all.push({ channel: { channelArn: f.channelArn, ...(f.channelEncoder && { encoderConfigurationArn: f.channelEncoder }) } });
  if (f.storage) {
    const seconds = numberOf(f.segment);
    const interval = numberOf(f.interval);
    all.push({
      s3: {
        storageConfigurationArn: f.storageArn,
        encoderConfigurationArns: [f.storageEncoder],
        ...(seconds !== undefined && { recordingConfiguration: { hlsConfiguration: { targetSegmentDurationSeconds: seconds } } }),
        ...(f.thumbnails && { thumbnailConfigurations: [{ storage: f.thumbnailStorage, ...(interval !== undefined && { targetIntervalSeconds: interval }) }] }),
      },
    });
  }
  return all as DestinationConfiguration[]; // names may be left out
}
