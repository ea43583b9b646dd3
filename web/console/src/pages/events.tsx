import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import Select, { type SelectProps } from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useEffect, useRef, useState } from 'react';

import { timeOfDay } from '../format.ts';
import { useStream } from '../hooks.ts';
import { useMay } from '../parts/action-button.tsx';
import { ShowEvent } from '../parts/show-event.tsx';
import { JsonField, jsonProblem } from '../parts/json.tsx';
import { isFailure, type Logged, nameOf, participantOf, Resource } from '../parts/logged-event.tsx';
import { Problem } from '../parts/problem.tsx';
import { useArn } from '../parts/session.ts';

/** How many events are shown: the newest. */
const maxShown = 200;

/** How often the table changes, in ms, while events arrive. */
const pace = 250;

const starts: (SelectProps.Option & { minutes?: number })[] = [
  { value: 'now', label: 'Now', minutes: 0 },
  { value: '15m', label: '15 minutes ago', minutes: 15 },
  { value: '1h', label: 'An hour ago', minutes: 60 },
  { value: '1d', label: 'A day ago', minutes: 1440 },
  { value: 'time', label: 'A time' },
];

const patternExample = '{"detail": {"event_name": ["Participant Published", {"suffix": "Error"}]}}';

/** What is followed: from when, and which events. */
interface Query {
  from: string;
  pattern: string;
}

const address = ({ from, pattern }: Query) => `/event-log?from=${encodeURIComponent(from)}${pattern ? `&pattern=${encodeURIComponent(pattern)}` : ''}`;

/** The events of all stages, as they happen or from a time on. */
export default function Events() {
  const may = useMay('rostrum:ReadEvents', useArn('stage', '*'));
  const [query, setQuery] = useState<Query>(() => ({ from: new Date(Date.now() - 15 * 60_000).toISOString(), pattern: '' }));
  return (
    <ContentLayout header={<Header variant="h1" description="What happens on the stages, as webhooks and EventBridge get it.">Events</Header>}>
      <SpaceBetween size="l">
        <Filter apply={setQuery} />
        {may?.because && <Alert>{may.because} Events of a single stage may be on its page.</Alert>}
        {may?.allowed && <Tail key={address(query)} path={address(query)} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Filter({ apply }: { apply(query: Query): void }) {
  const [start, setStart] = useState(starts[1]!);
  const [time, setTime] = useState(() => new Date(Date.now() - 3_600_000).toISOString().slice(0, 19) + 'Z');
  const [pattern, setPattern] = useState('');
  const wrongTime = start.minutes === undefined && Number.isNaN(Date.parse(time));
  const show = () => {
    const from = start.minutes === undefined ? new Date(time) : new Date(Date.now() - start.minutes * 60_000);
    apply({ from: from.toISOString(), pattern: pattern.trim() && JSON.stringify(JSON.parse(pattern)) });
  };
  return (
    <Container>
      <SpaceBetween size="m">
        <div className="fields">
          <FormField label="From">
            <Select selectedOption={start} options={starts} onChange={({ detail }) => setStart(starts.find((s) => s.value === detail.selectedOption.value)!)} />
          </FormField>
          {start.minutes === undefined && (
            <FormField label="Time" errorText={wrongTime && 'A time is written as 2026-07-01T14:03:07Z.'}>
              <Input value={time} onChange={({ detail }) => setTime(detail.value)} spellcheck={false} />
            </FormField>
          )}
          <Button variant="primary" disabled={wrongTime || !!jsonProblem(pattern)} onClick={show}>
            Show
          </Button>
        </div>
        <ExpandableSection headerText="Filter by an event pattern">
          <JsonField label="Event pattern" description="An EventBridge pattern, as rules and targets have it. Empty: all events." text={pattern} change={setPattern} rows={4} placeholder={patternExample} />
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  );
}

/** The newest events of a stream, which can be paused. */
function Tail({ path }: { path: string }) {
  const [shown, setShown] = useState<Logged[]>([]);
  const [count, setCount] = useState(0);
  const [paused, setPaused] = useState(false);
  const [seen, setSeen] = useState<Logged>();
  const arrived = useRef({ all: [] as Logged[], count: 0 });
  const error = useStream(path, ({ id, data }) => {
    arrived.current.all.push({ cursor: Number(id), event: JSON.parse(data) as Logged['event'] });
    arrived.current.all.splice(0, arrived.current.all.length - maxShown);
    arrived.current.count++;
  });
  useEffect(() => {
    if (paused) return;
    const timer = setInterval(() => {
      const { all, count: more } = arrived.current;
      if (more === 0) return;
      arrived.current = { all: [], count: 0 };
      setShown((was) => [...all.toReversed(), ...was].slice(0, maxShown));
      setCount((n) => n + more);
    }, pace);
    return () => clearInterval(timer);
  }, [paused]);
  return (
    <>
      {error && <Problem what="Following the events" error={error} />}
      <Table
        header={
          <Header
            variant="h2"
            counter={`(${count.toLocaleString()})`}
            info={<StatusIndicator type={error ? 'error' : paused ? 'stopped' : 'in-progress'}>{error ? 'Disconnected' : paused ? 'Paused' : 'Live'}</StatusIndicator>}
            description={count > maxShown ? `The newest ${maxShown} are shown.` : undefined}
            actions={
              <Button iconName={paused ? 'play' : 'pause'} onClick={() => setPaused(!paused)}>
                {paused ? 'Go on' : 'Pause'}
              </Button>
            }
          >
            Newest first
          </Header>
        }
        items={shown}
        trackBy={(e) => String(e.cursor)}
        wrapLines
        ariaLabels={{ tableLabel: 'Events' }}
        columnDefinitions={[
          { id: 'time', header: 'Time', width: 130, cell: ({ event }) => <time dateTime={event.time}>{timeOfDay(event.time)}</time> },
          {
            id: 'event',
            header: 'Event',
            isRowHeader: true,
            cell: (e) => (
              <SpaceBetween direction="horizontal" size="xxs">
                <StatusIndicator type={isFailure(e) ? 'error' : 'info'}>{''}</StatusIndicator>
                <Link variant="secondary" href="#" onFollow={(f) => (f.preventDefault(), setSeen(e))}>
                  {nameOf(e)}
                </Link>
              </SpaceBetween>
            ),
          },
          { id: 'type', header: 'Type', cell: ({ event }) => event['detail-type'] },
          { id: 'of', header: 'Of', cell: ({ event }) => <Resource arn={event.resources[0]} /> },
          { id: 'who', header: 'Participant', cell: participantOf },
        ]}
        empty={<Box textAlign="center">No event yet. What happens appears here.</Box>}
      />
      {seen && <ShowEvent of={seen} close={() => setSeen(undefined)} />}
    </>
  );
}
