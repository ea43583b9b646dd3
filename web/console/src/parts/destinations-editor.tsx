import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';

import type { ThumbnailStorageType } from '../api/operations.ts';
import { type DestinationsForm, intervalSeconds, segmentSeconds } from '../destinations.ts';
import { NumberField } from './fields.tsx';
import { choices, ResourceSelect } from './resource-select.tsx';

interface Props {
  form: DestinationsForm;
  change(form: DestinationsForm): void;
}

const stored: Record<ThumbnailStorageType, string> = { SEQUENTIAL: 'Keep all thumbnails', LATEST: 'Keep the latest under one name' };

/** Chooses where a composition goes. */
export function DestinationsEditor({ form, change }: Props) {
  const set = (part: Partial<DestinationsForm>) => change({ ...form, ...part });
  const keep = (type: ThumbnailStorageType, on: boolean) => set({ thumbnailStorage: on ? [...form.thumbnailStorage, type] : form.thumbnailStorage.filter((t) => t !== type) });
  return (
    <Container header={<Header variant="h2">Destinations</Header>}>
      <SpaceBetween size="m">
        <Toggle checked={form.channel} onChange={({ detail }) => set({ channel: detail.checked })}>
          To a channel
        </Toggle>
        {form.channel && (
          <div className="inset">
            <SpaceBetween size="m">
              <ResourceSelect label="Channel" from={choices.channels} value={form.channelArn} change={(channelArn) => set({ channelArn })} hint="It must be offline." />
              <ResourceSelect label="Encoder configuration of the channel" from={choices.encoders} value={form.channelEncoder} change={(channelEncoder) => set({ channelEncoder })} none="Default: 1280×720, 30 pictures a second, 2.5 Mbit/s" />
            </SpaceBetween>
          </div>
        )}
        <Toggle checked={form.storage} onChange={({ detail }) => set({ storage: detail.checked })}>
          Into a bucket
        </Toggle>
        {form.storage && (
          <div className="inset">
            <SpaceBetween size="m">
              <ResourceSelect label="Storage configuration" from={choices.storages} value={form.storageArn} change={(storageArn) => set({ storageArn })} />
              <ResourceSelect label="Encoder configuration of the recording" from={choices.encoders} value={form.storageEncoder} change={(storageEncoder) => set({ storageEncoder })} />
              <NumberField label="Duration of segments" hint="Seconds. Default 2." value={form.segment} change={(segment) => set({ segment })} {...segmentSeconds} />
              <Checkbox checked={form.thumbnails} onChange={({ detail }) => set({ thumbnails: detail.checked })}>
                Thumbnails
              </Checkbox>
              {form.thumbnails && (
                <>
                  <NumberField label="Interval of thumbnails" hint="Seconds. Default 60." value={form.interval} change={(interval) => set({ interval })} {...intervalSeconds} />
                  {(Object.keys(stored) as ThumbnailStorageType[]).map((type) => (
                    <Checkbox key={type} checked={form.thumbnailStorage.includes(type)} onChange={({ detail }) => keep(type, detail.checked)}>
                      {stored[type]}
                    </Checkbox>
                  ))}
                </>
              )}
            </SpaceBetween>
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}
