import FormField from '@cloudscape-design/components/form-field';
import Grid from '@cloudscape-design/components/grid';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { CreateEncoderConfigurationInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { type Limits, nameProblem, numberOf, numberProblem, sizeProblem } from '../limits.ts';
import { go } from '../router.ts';
import { NameField, NumberField } from './fields.tsx';
import { Form } from './form.tsx';
import { useNotices } from './notices.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

const limits = {
  width: { min: 2, max: 1920, even: true },
  height: { min: 2, max: 1920, even: true },
  framerate: { min: 1, max: 60 },
  bitrate: { min: 1, max: 8_500_000 },
} satisfies Record<string, Limits>;

type Video = Record<keyof typeof limits, string>;

const presets: { label: string; video: Video }[] = [
  { label: '1920×1080, 30 pictures a second', video: { width: '1920', height: '1080', framerate: '30', bitrate: '5000000' } },
  { label: '1280×720, 30 pictures a second', video: { width: '1280', height: '720', framerate: '30', bitrate: '2500000' } },
  { label: '640×360, 30 pictures a second', video: { width: '640', height: '360', framerate: '30', bitrate: '800000' } },
  { label: '720×1280, upright', video: { width: '720', height: '1280', framerate: '30', bitrate: '2500000' } },
];

/** Asks for a new encoder configuration. */
export function CreateEncoder({ close }: { close(): void }) {
  const [name, setName] = useState('');
  const [video, setVideo] = useState(presets[1]!.video);
  const [pairs, setPairs] = useState<Pair[]>([]);
  const notices = useNotices();
  const keys = Object.keys(limits) as (keyof Video)[];
  const wrong = nameProblem(name) ?? keys.map((k) => numberProblem(video[k], limits[k])).find(Boolean);
  const tooLarge = wrong ? undefined : sizeProblem(video.width, video.height);
  const input: CreateEncoderConfigurationInput = {
    name: name || undefined,
    video: { width: numberOf(video.width), height: numberOf(video.height), framerate: numberOf(video.framerate), bitrate: numberOf(video.bitrate) },
    tags: pairs.length > 0 ? fromPairs(pairs) : undefined,
  };
  const run = async () => {
    const made = (await call('CreateEncoderConfiguration', input)).encoderConfiguration!;
    notices.done(`${made.name || idOf(made.arn)} is created.`);
    go(`/encoder-configurations/${idOf(made.arn)}`);
  };
  const field = (key: keyof Video, label: string, hint?: string) => (
    <NumberField label={label} value={video[key]} change={(value) => setVideo({ ...video, [key]: value })} hint={hint} problem={key === 'height' ? tooLarge : undefined} {...limits[key]} />
  );
  const chosen = presets.findIndex((p) => keys.every((k) => p.video[k] === video[k]));
  return (
    <Form title="Create encoder configuration" action="Create" line={cliLine('CreateEncoderConfiguration', input)} disabled={!!(wrong ?? tooLarge)} run={run} close={close}>
      <NameField value={name} change={setName} />
      <FormField label="Format">
        <Select
          selectedOption={chosen < 0 ? { label: 'Another' } : { value: `${chosen}`, label: presets[chosen]!.label }}
          options={presets.map((p, i) => ({ value: `${i}`, label: p.label }))}
          onChange={({ detail }) => setVideo(presets[Number(detail.selectedOption.value)]!.video)}
        />
      </FormField>
      <Grid gridDefinition={[6, 6, 6, 6].map((n) => ({ colspan: { default: 12, xs: n } }))}>
        {field('width', 'Width', 'Pixels.')}
        {field('height', 'Height', 'Pixels.')}
        {field('framerate', 'Frame rate', 'Pictures a second.')}
        {field('bitrate', 'Bitrate', 'Bits a second.')}
      </Grid>
      <Pairs pairs={pairs} change={setPairs} add="Add a tag" empty="There are no tags." />
    </Form>
  );
}
