import 'uplot/dist/uPlot.min.css';

import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';

import { clock } from '../format.ts';

/** A line of a chart: a value a time, null where there is none. */
export interface Line {
  label: string;
  values: (number | null)[];
  dashed?: boolean;
  stepped?: boolean;
}

/** Something that happened, drawn as a vertical line. */
export interface Mark {
  at: number; // seconds since 1970
  kind: string;
}

interface Props {
  title: string;
  times: number[]; // seconds since 1970
  lines: Line[];
  show(value: number): string;
  /** The least that the axis reaches up to. */
  least: number;
  marks: Mark[];
  /** Seconds since 1970: what the whole chart shows, and what of it is selected. */
  range: [number, number];
  selected?: [number, number];
  select(from: number, to: number): void;
}

const height = 120;
const colors = { light: ['#006ce0', '#8d6605', '#656871', '#e4e4ea'], dark: ['#42b4ff', '#f2c94c', '#a4a4ad', '#333843'] };
const markColors: Record<string, string> = { success: '#00a83e', error: '#db0000', info: '#8c8c94' };

/** Whether the dark scheme is shown. */
function useDark(): boolean {
  const is = () => document.body.classList.contains('awsui-dark-mode');
  const [dark, setDark] = useState(is);
  useEffect(() => {
    const observer = new MutationObserver(() => setDark(is()));
    observer.observe(document.body, { attributeFilter: ['class'] });
    return () => observer.disconnect();
  }, []);
  return dark;
}

/** Curves over time. Dragging over it selects a stretch; all charts of a page have one cursor. */
export function Chart(props: Props) {
  const { title, times, lines, show } = props;
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const dark = useDark();
  const shape = lines.map(({ label, dashed, stepped }) => `${label} ${dashed} ${stepped}`).join();
  useEffect(() => {
    const element = root.current!;
    const created = new uPlot(options(latest, element.clientWidth, dark, setAt), dataOf(latest.current), element);
    plot.current = created;
    const observer = new ResizeObserver(() => created.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
    };
  }, [dark, shape]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props]);
  const index = at ?? times.length - 1;
  const now = lines.map((l) => ({ ...l, value: l.values[index] })).filter(({ value, dashed }) => value !== null && value !== undefined && (value > 0 || !dashed));
  const known = lines[0]!.values.filter((v) => v !== null);
  const summary = known.length > 0 ? `${title} from ${show(Math.min(...known))} to ${show(Math.max(...known))}` : `${title}: nothing known`;
  return (
    <figure className="chart">
      <figcaption>
        <b>{title}</b>
        <span>
          {now.map(({ label, value }) => `${label ? `${label} ` : ''}${show(value!)}`).join(' · ')}
          {at !== null && times[at] !== undefined && ` at ${clock.format(1000 * times[at])}`}
        </span>
      </figcaption>
      <div ref={root} role="img" aria-label={summary} />
    </figure>
  );
}

const dataOf = ({ times, lines }: Props): uPlot.AlignedData => [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;

function options(latest: { current: Props }, width: number, dark: boolean, hover: (index: number | null) => void): uPlot.Options {
  const [main, second, text, grid] = colors[dark ? 'dark' : 'light'] as [string, string, string, string];
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: '11px sans-serif' };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { sync: { key: 'quality' }, drag: { x: true, y: false, setScale: false }, points: { size: 5 } },
    scales: {
      x: { time: true, range: () => latest.current.range },
      y: { range: (_, __, max) => [0, Math.max(1.1 * (max ?? 0), latest.current.least)] },
    },
    axes: [
      { ...axis, size: 26, values: (_, ticks) => ticks.map((t) => clock.format(1000 * t)), space: 90 },
      { ...axis, size: 74, space: 34, values: (_, ticks) => ticks.map((t) => latest.current.show(t)) },
    ],
    series: [
      {},
      ...latest.current.lines.map(({ dashed, stepped }, i): uPlot.Series => ({
        stroke: i === 0 ? main : second,
        width: 1.5,
        points: { show: false },
        ...(i === 0 && { fill: `${main}1f` }),
        ...(dashed && { dash: [5, 4] }),
        ...(stepped && { paths: uPlot.paths.stepped!({ align: -1 }) }),
      })),
    ],
    hooks: {
      setCursor: [(u) => hover(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          if (u.select.width < 3) return;
          latest.current.select(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      drawClear: [(u) => drawSelected(u, latest.current.selected, `${main}22`)],
      draw: [(u) => drawMarks(u, latest.current.marks)],
    },
  };
}

function drawSelected(u: uPlot, selected: [number, number] | undefined, color: string): void {
  if (!selected) return;
  const [from, to] = selected.map((t) => Math.min(Math.max(u.valToPos(t, 'x', true), u.bbox.left), u.bbox.left + u.bbox.width)) as [number, number];
  u.ctx.fillStyle = color;
  u.ctx.fillRect(from, u.bbox.top, Math.max(to - from, 2), u.bbox.height);
}

function drawMarks(u: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([]);
  for (const { at, kind } of marks) {
    const x = Math.round(u.valToPos(at, 'x', true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = markColors[kind] ?? markColors['info']!;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
