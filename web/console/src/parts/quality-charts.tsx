import Table from '@cloudscape-design/components/table';

import type { Sample, Stretch } from '../api/quality.ts';
import { bits, clock } from '../format.ts';
import { Chart, type Line, type Mark } from './chart.tsx';

interface Props {
  samples: Sample[];
  from: number; // ms since 1970
  to: number;
  stretch: Required<Stretch> | undefined; // that is asked about
  marks: Mark[];
  table: boolean;
  ask(from: number, to: number): void;
}

const percent = (v: number): string => `${v < 10 ? v.toFixed(1) : Math.round(v)} %`;
const ms = (v: number): string => `${Math.round(v)} ms`;
const pixels = (v: number): string => `${Math.round(v)} p`;
const frames = (v: number): string => `${Math.round(v)} fps`;
const seconds = (v: number): string => `${v.toFixed(1)} s`;

type Column = Omit<Line, 'values'> & { of(s: Sample): number };

const charts: { title: string; least: number; show(v: number): string; lines: Column[] }[] = [
  { title: 'Bitrate', least: 100_000, show: bits, lines: [{ label: '', of: (s) => 1000 * (s.bitrateKbps ?? 0) }, { label: 'estimate', dashed: true, of: (s) => 1000 * (s.estimateKbps ?? 0) }] },
  { title: 'Loss', least: 1, show: percent, lines: [{ label: '', of: (s) => (s.lossPermille ?? 0) / 10 }, { label: 'of the publisher', dashed: true, of: (s) => (s.sourceLossPermille ?? 0) / 10 }] },
  { title: 'Round trip', least: 20, show: ms, lines: [{ label: '', of: (s) => s.roundTripMs ?? 0 }, { label: 'jitter', dashed: true, of: (s) => s.jitterMs ?? 0 }] },
  { title: 'Frame rate', least: 10, show: frames, lines: [{ label: '', of: (s) => s.frameRate ?? 0 }] },
  { title: 'Layer', least: 180, show: pixels, lines: [{ label: '', stepped: true, of: (s) => s.height ?? 0 }] },
  { title: 'Freezes', least: 1, show: seconds, lines: [{ label: '', stepped: true, of: (s) => (s.frozenMs ?? 0) / 1000 }, { label: 'without a keyframe', dashed: true, stepped: true, of: (s) => (s.keyframeWaitMs ?? 0) / 1000 }] },
];

/** The samples of one direction, as charts or as a table. */
export default function QualityCharts({ samples, from, to, stretch, marks, table, ask }: Props) {
  if (table) return <Figures samples={samples} />;
  const points = withGaps(samples);
  const times = points.map(({ time }) => time);
  const first = (times[0] ?? 0) - (samples[0]?.interval ?? 0);
  return (
    <div className="charts">
      {charts.map(({ title, least, show, lines }) => (
        <Chart
          key={title}
          title={title}
          least={least}
          times={times}
          show={show}
          marks={marks}
          range={[Math.max(from / 1000, Math.min(first, to / 1000 - 60)), to / 1000]}
          selected={stretch && [stretch.from / 1000, stretch.to / 1000]}
          select={(a, b) => ask(1000 * a, 1000 * b)}
          lines={lines.map(({ of, ...line }) => ({ ...line, values: points.map(({ sample }) => (sample ? of(sample) || (line.dashed ? null : 0) : null)) }))}
        />
      ))}
    </div>
  );
}

/** Where no samples were taken a curve is interrupted. */
export function withGaps(samples: Sample[]): { time: number; sample?: Sample }[] {
  return samples.flatMap((sample, i) => {
    const time = Date.parse(sample.at) / 1000;
    const before = samples[i - 1] && Date.parse(samples[i - 1]!.at) / 1000;
    const gap = before !== undefined && time - before > 2.5 * sample.interval ? [{ time: before + 1 }] : [];
    return [...gap, { time, sample }];
  });
}

const maxRows = 200;

function Figures({ samples }: { samples: Sample[] }) {
  const column = ({ title, show }: (typeof charts)[number], line: Column) => ({
    id: `${title} ${line.label}`,
    header: line.label ? `${title}: ${line.label}` : title,
    cell: (s: Sample) => (line.of(s) ? show(line.of(s)) : '–'),
  });
  return (
    <Table
      variant="embedded"
      contentDensity="compact"
      items={samples.slice(-maxRows).reverse()}
      trackBy="at"
      ariaLabels={{ tableLabel: 'Quality' }}
      columnDefinitions={[{ id: 'at', header: 'Time', cell: (s) => clock.format(Date.parse(s.at)), isRowHeader: true }, ...charts.flatMap((c) => c.lines.map((l) => column(c, l)))]}
      footer={samples.length > maxRows ? `The latest ${maxRows} of ${samples.length} are shown.` : undefined}
    />
  );
}
