import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Grid from '@cloudscape-design/components/grid';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { type LayoutForm, layoutOf, layoutProblem, participantsOf, pixels, type Sample, sampleCount, side } from '../layout.ts';
import { AttributeField, NumberField } from './fields.tsx';
import { LayoutDrawing, type Size } from './layout-drawing.tsx';

interface Props {
  form: LayoutForm;
  change(form: LayoutForm): void;
  canvas: Size;
}

/** Chooses a layout, and draws what each parameter does to some participants. */
export function LayoutEditor({ form, change, canvas }: Props) {
  const [sample, setSample] = useState<Sample>({ count: '4', upright: false, stopped: false });
  const [valid, setValid] = useState(form); // what is drawn
  if (valid !== form && !layoutProblem(form)) setValid(form);
  return (
    <Grid gridDefinition={[5, 7].map((n) => ({ colspan: { default: 12, m: n } }))}>
      <SpaceBetween size="m">
        <SegmentedControl
          label="Kind of layout"
          selectedId={form.kind}
          onChange={({ detail }) => change({ ...form, kind: detail.selectedId as LayoutForm['kind'] })}
          options={[
            { id: 'grid', text: 'Grid' },
            { id: 'pip', text: 'Picture in picture' },
          ]}
        />
        <Parameters form={form} set={(part) => change({ ...form, ...part })} />
      </SpaceBetween>
      <SpaceBetween size="m">
        <LayoutDrawing layout={layoutOf(valid)} canvas={canvas} participants={participantsOf(valid, sample)} />
        <SampleChoice sample={sample} change={setSample} />
      </SpaceBetween>
    </Grid>
  );
}

interface Choice<T extends string> {
  label: string;
  hint?: string;
  value: T;
  names: Record<T, string>;
  change(value: T): void;
}

function Choose<T extends string>({ label, hint, value, names, change }: Choice<T>) {
  const options = (Object.keys(names) as T[]).map((key) => ({ value: key, label: names[key] }));
  return (
    <FormField label={label} constraintText={hint}>
      <Select selectedOption={options.find((o) => o.value === value)!} options={options} onChange={({ detail }) => change(detail.selectedOption.value as T)} />
    </FormField>
  );
}

function Parameters({ form, set }: { form: LayoutForm; set(part: Partial<LayoutForm>): void }) {
  const isGrid = form.kind === 'grid';
  return (
    <SpaceBetween size="m">
      <AttributeField label="Attribute of the featured participant" hint="Who has it as “true” is shown large." value={form.featured} change={(featured) => set({ featured })} />
      {!isGrid && <AttributeField label="Attribute of the participant in the window" hint="Who has it as “true” is shown in the window." value={form.window} change={(window) => set({ window })} />}
      <AttributeField label="Attribute of the order" hint="Its numbers, ascending, are the order. Without it, that of arrival." value={form.order} change={(order) => set({ order })} />
      <Grid gridDefinition={[6, 6].map((n) => ({ colspan: { default: 12, xs: n } }))}>
        {isGrid ? (
          <Choose label="Aspect ratio of tiles" value={form.aspect} names={{ VIDEO: 'Video, 16:9', SQUARE: 'Square, 1:1', PORTRAIT: 'Portrait, 3:4', AUTO: 'Whatever fills the canvas' }} change={(aspect) => set({ aspect })} />
        ) : (
          <Choose label="Corner of the window" value={form.position} names={{ BOTTOM_RIGHT: 'Bottom right', BOTTOM_LEFT: 'Bottom left', TOP_RIGHT: 'Top right', TOP_LEFT: 'Top left' }} change={(position) => set({ position })} />
        )}
        <Choose label="Pictures in tiles" value={form.fill} names={{ '': isGrid ? 'Cropped; the featured whole' : 'Cropped', COVER: 'Cropped (COVER)', CONTAIN: 'Whole, with bars (CONTAIN)', FILL: 'Stretched (FILL)' }} change={(fill) => set({ fill })} />
        <NumberField label="Gap between tiles" hint={`Pixels. Default ${isGrid ? 2 : 0}.`} value={form.gap} change={(gap) => set({ gap })} {...pixels} />
        {!isGrid && <NumberField label="Offset of the window" hint="Pixels from the edges. Default 0." value={form.offset} change={(offset) => set({ offset })} {...pixels} />}
        {!isGrid && <NumberField label="Width of the window" hint="Pixels. By default from the canvas." value={form.width} change={(width) => set({ width })} {...side} />}
        {!isGrid && <NumberField label="Height of the window" hint="Pixels. By default from the canvas." value={form.height} change={(height) => set({ height })} {...side} />}
      </Grid>
      {!isGrid && <Choose label="When all others have left" value={form.behavior} names={{ STATIC: 'The window stays as it is', DYNAMIC: 'The window fills the canvas' }} change={(behavior) => set({ behavior })} />}
      <Checkbox checked={form.omitStopped} onChange={({ detail }) => set({ omitStopped: detail.checked })}>
        Omit participants who have stopped their video
      </Checkbox>
    </SpaceBetween>
  );
}

function SampleChoice({ sample, change }: { sample: Sample; change(sample: Sample): void }) {
  return (
    <SpaceBetween size="xs">
      <NumberField label="Participants in the drawing" hint="1 is featured and the last is in the window, where there are attributes for that; the order is reversed." value={sample.count} change={(count) => change({ ...sample, count })} {...sampleCount} />
      <Checkbox checked={sample.upright} onChange={({ detail }) => change({ ...sample, upright: detail.checked })}>
        Participant 2 sends upright video
      </Checkbox>
      <Checkbox checked={sample.stopped} onChange={({ detail }) => change({ ...sample, stopped: detail.checked })}>
        The last has stopped the video
      </Checkbox>
    </SpaceBetween>
  );
}
