import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import TimeInput from '@cloudscape-design/components/time-input';
import Toggle from '@cloudscape-design/components/toggle';
import { lazy, Suspense, useEffect, useState } from 'react';

import { type Details, type Direction, type Entry, type Quality as Answer, readQuality, type Stretch } from '../api/quality.ts';
import { clock } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { useMay } from './action-button.tsx';
import type { Mark } from './chart.tsx';
import { Problem } from './problem.tsx';
import { useArn } from './session.ts';

const Charts = lazy(() => import('./quality-charts.tsx'));

interface Props {
  stage: string;
  session: string;
  id: string;
  live: boolean;
  marks: Mark[];
  /** A time that is asked about, in ms since 1970. */
  moment: { at: number } | undefined;
  /** Is called with what happened, each time that it is loaded. */
  happened(entries: Entry[]): void;
}

const ranges = { '600': '10 min', '3600': '1 h', '86400': '1 day', '604800': '7 days' };
const refresh = 5000; // ms
const around = 15_000; // ms: what belongs to a moment

/** How well the media of a participant got through, and why not. */
export function Quality(props: Props) {
  const may = useMay('rostrum:ReadQuality', useArn('stage', props.stage));
  if (may?.allowed) return <History {...props} />;
  return (
    <Container header={<Header variant="h2">Quality</Header>}>{may?.because ? <Box color="text-body-secondary">{may.because}</Box> : <Spinner />}</Container>
  );
}

function History({ stage, session, id, live, marks, moment, happened }: Props) {
  const [range, setRange] = useState('3600');
  const [end, setEnd] = useState<number>(); // of what there is, in ms
  const [stretch, setStretch] = useState<Required<Stretch>>(); // that is asked about
  const [direction, setDirection] = useState<Direction>();
  const [table, setTable] = useState(false);
  const all = useLoad(
    async (signal) => {
      const now = live || end === undefined ? undefined : end;
      const asked = range === '3600' || end === undefined ? undefined : { from: (now ?? Date.now()) - 1000 * Number(range) };
      const answer = await readQuality(stage, session, id, asked, signal);
      if (answer.sent.length + answer.received.length > 0) setEnd(Date.parse(answer.to));
      return answer;
    },
    [stage, session, id, range, live],
  );
  useRefresh(live, all.reload);
  useEffect(() => {
    if (!moment) return;
    setStretch({ from: moment.at - around, to: moment.at + around });
    document.getElementById('quality')?.scrollIntoView({ block: 'start' });
  }, [moment]);
  const { value } = all;
  useEffect(() => value && happened(value.timeline), [value, happened]);
  const shown = direction ?? (value && value.received.length === 0 && value.sent.length > 0 ? 'sent' : 'received');
  const seen = (value?.sent.length ?? 0) + (value?.received.length ?? 0) > 0;
  return (
    <div id="quality">
      <Container header={<Header variant="h2" actions={<SegmentedControl label="Stretch of time" selectedId={range} onChange={({ detail }) => setRange(detail.selectedId)} options={Object.entries(ranges).map(([key, text]) => ({ id: key, text }))} />}>Quality</Header>}>
      {all.error && <Problem what="Reading the quality history" error={all.error} retry={all.reload} />}
      {!value && !all.error && <Spinner />}
      {value && !seen && <Box color="text-body-secondary">{live ? 'The first figures come within ten seconds after media flow.' : 'There are no figures of this participant.'}</Box>}
      {value && seen && (
        <SpaceBetween size="m">
          <Why {...{ stage, session, id, stretch, whole: value }} clear={() => setStretch(undefined)} />
          {value.missing && <Box color="text-body-secondary">{value.missing}</Box>}
          <Ask end={end} ask={setStretch} />
          <div className="row">
            <SegmentedControl
              label="Direction"
              selectedId={shown}
              onChange={({ detail }) => setDirection(detail.selectedId as Direction)}
              options={[
                { id: 'received', text: 'Received', disabled: value.received.length === 0 },
                { id: 'sent', text: 'Sent', disabled: value.sent.length === 0 },
              ]}
            />
            <Toggle checked={table} onChange={({ detail }) => setTable(detail.checked)}>
              As a table
            </Toggle>
          </div>
          <Suspense fallback={<Spinner />}>
            <Charts samples={value[shown]} from={Date.parse(value.from)} to={Date.parse(value.to)} stretch={stretch} marks={marks} table={table} ask={(from, to) => setStretch({ from, to })} />
          </Suspense>
          <Known details={value.details} />
        </SpaceBetween>
      )}
    </Container>
    </div>
  );
}

/** Loads again every few seconds while the participant is there and the page is seen. */
function useRefresh(live: boolean, reload: () => void): void {
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), refresh);
    return () => clearInterval(timer);
  }, [live, reload]);
}

interface WhyProps {
  stage: string;
  session: string;
  id: string;
  stretch: Required<Stretch> | undefined;
  whole: Answer;
  clear(): void;
}

/** Answers why media were bad, in a stretch or all of what is shown. */
function Why({ stage, session, id, stretch, whole, clear }: WhyProps) {
  const asked = useLoad((signal) => (stretch ? readQuality(stage, session, id, stretch, signal) : Promise.resolve(undefined)), [stage, session, id, stretch]);
  if (asked.error) return <Problem what="Reading the causes" error={asked.error} retry={asked.reload} />;
  if (stretch && !asked.value) return <Spinner />;
  const { causes, from, to, sent, received } = (stretch && asked.value) || whole;
  const [first, ...rest] = causes;
  const begin = Math.max(Date.parse(from), Math.min(...[sent, received].flatMap((all) => (all[0] ? [Date.parse(all[0].at) - 1000 * all[0].interval] : []))));
  const when = `Between ${clock.format(Number.isFinite(begin) ? begin : Date.parse(from))} and ${clock.format(Date.parse(to))}`;
  const empty = sent.length + received.length === 0;
  return (
    <Alert type={first ? 'warning' : empty ? 'info' : 'success'} header={`${when}: ${first ? first.detail : empty ? 'there are no figures.' : 'nothing held media up.'}`} action={stretch && <Button onClick={clear}>All that is shown</Button>}>
      {rest.length > 0 && (
        <ol className="causes" aria-label="Other causes">
          {rest.map((c) => (
            <li key={c.code + c.direction}>{c.detail}</li>
          ))}
        </ol>
      )}
    </Alert>
  );
}

/** Asks about a time of the day, the latest that there was. */
function Ask({ end, ask }: { end: number | undefined; ask(stretch: Required<Stretch>): void }) {
  const [text, setText] = useState('');
  const submit = () => {
    const [hours = NaN, minutes = NaN, seconds = 0] = text.split(':').map(Number);
    const at = new Date(end ?? Date.now());
    at.setHours(hours, minutes, seconds, 0);
    if (at.getTime() > (end ?? Date.now()) + 60_000) at.setDate(at.getDate() - 1);
    if (Number.isNaN(at.getTime())) return;
    const exact = text.length > 5; // else the whole minute is meant
    ask(exact ? { from: at.getTime() - around, to: at.getTime() + around } : { from: at.getTime(), to: at.getTime() + 60_000 });
  };
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      <FormField label="Why was the video bad at" description="Or drag over a chart, or choose an event of the timeline.">
        <SpaceBetween direction="horizontal" size="xs">
          <TimeInput value={text} onChange={({ detail }) => setText(detail.value)} placeholder="hh:mm:ss" />
          <Button formAction="submit" disabled={text.length < 5}>
            Explain
          </Button>
        </SpaceBetween>
      </FormField>
    </form>
  );
}

/** What the client reports of itself. */
function Known({ details: d }: { details: Details }) {
  const items = [
    { label: 'Device', value: d.device },
    { label: 'Sends', value: [d.sendCodec, d.encoder, d.sendPath].filter(Boolean).join(', ') },
    { label: 'Receives', value: [d.receiveCodec, d.decoder, d.receivePath].filter(Boolean).join(', ') },
  ].filter(({ value }) => value);
  return items.length > 0 ? <KeyValuePairs columns={3} items={items} /> : null;
}
