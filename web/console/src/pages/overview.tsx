import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Grid from '@cloudscape-design/components/grid';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { call, get } from '../api/client.ts';
import { bits, bytes, span, timeOfDay } from '../format.ts';
import { useLoad, useStream } from '../hooks.ts';
import { useMay } from '../parts/action-button.tsx';
import { isFailure, type Logged, nameOf, participantOf, Resource } from '../parts/logged-event.tsx';
import { useArn, useSession } from '../parts/session.ts';
import { Problem } from '../parts/problem.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { follow, href } from '../router.ts';

interface Figures {
  at: string;
  started: string;
  stages: number;
  participants: number;
  publishers: number;
  subscriptions: number;
  bitsIn: number;
  bitsOut: number;
  compositions: number;
  recordings: number;
  waitingFiles: number;
  waitingBytes: number;
  cpuSeconds: number;
  cpus: number;
  memory: number;
  quotas: { name: string; used: number; limit: number }[];
  busiest: { id: string; participants: number; publishers: number; subscribers: number }[] | null;
  nodes: { id: string; started: string; seen: string; own: boolean }[] | null;
}

/** How many figures the curves have: two minutes. */
const kept = 60;

/** The share of the machine that was used between two figures, in percent. */
function cpuShare(before: Figures | undefined, now: Figures): number {
  const seconds = before ? (Date.parse(now.at) - Date.parse(before.at)) / 1000 : 0;
  return before && seconds > 0 ? (100 * (now.cpuSeconds - before.cpuSeconds)) / seconds / now.cpus : 0;
}

export default function Overview() {
  const { node, endpoint } = useSession();
  const [all, setAll] = useState<Figures[]>([]);
  const error = useStream(node ? '/console/live' : undefined, ({ data }) => setAll((was) => [...was, JSON.parse(data) as Figures].slice(-kept)));
  const now = all.at(-1);
  return (
    <ContentLayout header={<Header variant="h1" description={endpoint}>Overview</Header>}>
      <SpaceBetween size="l">
        {!node && <Alert>The figures of the server are shown to access keys of its own account without policies. You see your stages.</Alert>}
        {error && !now && <Problem what="Reading the figures" error={error} />}
        {node && (
          <Grid gridDefinition={Array.from({ length: 4 }, () => ({ colspan: { default: 12, xxs: 6, s: 3 } }))}>
            <Tile title="Live stages" value={now?.stages} note={now && `Participants: ${now.participants}`} history={all.map((f) => f.participants)} curve="participants" />
            <Tile title="Received" value={now && bits(now.bitsIn)} note={now && `Publishers: ${now.publishers}`} history={all.map((f) => f.bitsIn)} curve="bits received per second" />
            <Tile title="Sent" value={now && bits(now.bitsOut)} note={now && `Subscriptions: ${now.subscriptions}`} history={all.map((f) => f.bitsOut)} curve="bits sent per second" />
            <Tile title="Processor" value={now && `${Math.round(cpuShare(all.at(-2), now))} %`} note={now && `of ${now.cpus} cores, ${bytes(now.memory)} of memory`} history={all.slice(1).map((f, i) => cpuShare(all[i], f))} curve="share of the processor used" />
          </Grid>
        )}
        <Grid gridDefinition={node ? [{ colspan: { default: 12, s: 8 } }, { colspan: { default: 12, s: 4 } }] : [{ colspan: 12 }]}>
          {node ? <Busiest stages={now?.busiest ?? []} loading={!now} /> : <Events />}
          {node && <Server now={now} />}
        </Grid>
        {node && <Events />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Tile({ title, value, note, history, curve }: { title: string; value?: string | number; note?: string; history: number[]; curve: string }) {
  return (
    <Container fitHeight>
      <Box variant="awsui-key-label">{title}</Box>
      <div className="figure">{value ?? '–'}</div>
      <Box color="text-body-secondary" fontSize="body-s">
        {note ?? ' '}
      </Box>
      <Sparkline values={history} label={`${title}: ${curve}, the last two minutes`} />
    </Container>
  );
}

function Busiest({ stages, loading }: { stages: NonNullable<Figures['busiest']>; loading: boolean }) {
  return (
    <Table
      header={<Header variant="h2">Live now</Header>}
      items={stages}
      trackBy="id"
      loading={loading}
      loadingText="Loading"
      ariaLabels={{ tableLabel: 'Live stages' }}
      columnDefinitions={[
        { id: 'stage', header: 'Stage', isRowHeader: true, cell: (s) => <StageName id={s.id} /> },
        { id: 'participants', header: 'Participants', cell: (s) => s.participants },
        { id: 'publishers', header: 'Publishers', cell: (s) => s.publishers },
        { id: 'subscribers', header: 'Subscribers', cell: (s) => s.subscribers },
      ]}
      empty={
        <Box textAlign="center" padding="s">
          <SpaceBetween size="xxs">
            <b>No stage is live</b>
            <span>A stage is live while somebody is connected.</span>
            <Link href={href('/stages')} onFollow={follow}>
              To the stages
            </Link>
          </SpaceBetween>
        </Box>
      }
    />
  );
}

/** The name of a stage; its id where the stage is of another account or region. */
function StageName({ id }: { id: string }) {
  const arn = useArn('stage', id);
  const { value } = useLoad((signal) => call('GetStage', { arn }, signal), [arn]);
  if (!value) return <>{id}</>;
  return (
    <Link href={href(`/stages/${id}`)} onFollow={follow}>
      {value.stage?.name || id}
    </Link>
  );
}

function Server({ now }: { now?: Figures }) {
  return (
    <Container fitHeight header={<Header variant="h2">Server</Header>}>
      <SpaceBetween size="s">
        <Line name="Running for" value={now && span(now.started, now.at)} />
        <Line name="Compositions" value={now?.compositions} />
        <Line name="Recordings" value={now?.recordings} />
        <Line name="Waiting for upload" value={now && (now.waitingFiles === 0 ? <StatusIndicator type="success">Nothing</StatusIndicator> : <StatusIndicator type="pending">{`${now.waitingFiles} files, ${bytes(now.waitingBytes)}`}</StatusIndicator>)} />
        <Line name="Nodes" value={now?.nodes && <Nodes of={now.nodes} at={now.at} />} />
        {now?.quotas.filter((q) => q.limit > 0).map((q) => (
          <ProgressBar key={q.name} label={q.name} value={(100 * q.used) / q.limit} additionalInfo={`${q.used.toLocaleString()} of ${q.limit.toLocaleString()}`} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

/** The nodes that share the database; of others, when they were last seen. */
const Nodes = ({ of, at }: { of: NonNullable<Figures['nodes']>; at: string }) => (
  <>
    {of.length}
    {of
      .filter((n) => !n.own)
      .map((n) => (
        <div key={n.id}>
          {n.id.slice(0, 8)}, seen {span(n.seen, at)} ago
        </div>
      ))}
  </>
);

function Line({ name, value }: { name: string; value?: React.ReactNode }) {
  return (
    <div style={{ display: 'flex', justifyContent: 'space-between', gap: 16 }}>
      <Box color="text-body-secondary">{name}</Box>
      <Box textAlign="right">{value ?? '–'}</Box>
    </div>
  );
}

/** How many pages of the event log are read for the overview, of 1,000 events each. */
const maxPages = 30;

/** The events since a time: how many, the newest of them, and the newest failures, the newest first. */
async function readEvents(from: string, signal: AbortSignal) {
  const newest: Logged[] = [];
  const failures: Logged[] = [];
  let count = 0;
  let failed = 0;
  let after = 0;
  for (let page = 0; page < maxPages; page++) {
    const out = await get<{ events: Logged[]; next: number; atEnd: boolean }>(`/event-log?limit=1000&from=${from}&after=${after}`, signal);
    count += out.events.length;
    failed += out.events.filter(isFailure).length;
    newest.unshift(...out.events.toReversed().filter((e) => !isFailure(e)).slice(0, maxShown));
    failures.unshift(...out.events.toReversed().filter(isFailure).slice(0, maxShown));
    if (out.atEnd) return { count, failed, shown: [...failures, ...newest].slice(0, maxShown), more: false };
    after = out.next;
  }
  return { count, failed, shown: [...failures, ...newest].slice(0, maxShown), more: true };
}

const maxShown = 15;

/** What happened in the last hour: first what failed. */
function Events() {
  const may = useMay('rostrum:ReadEvents', useArn('stage', '*'));
  if (may?.because) return <Alert>{may.because} The events of the last hour are not shown.</Alert>;
  return may?.allowed && <LastHour />;
}

function LastHour() {
  const [from] = useState(() => new Date(Date.now() - 3_600_000).toISOString());
  const { value, error, loading, reload } = useLoad((signal) => readEvents(from, signal), [from]);
  if (error) return <Problem what="Reading the events" error={error} retry={reload} />;
  return (
    <Table
      header={
        <Header
          variant="h2"
          counter={value && `(${value.count.toLocaleString()}${value.more ? '+' : ''})`}
          info={value && <StatusIndicator type={value.failed > 0 ? 'error' : 'success'}>{value.failed > 0 ? `Errors: ${value.failed.toLocaleString()}` : 'No errors'}</StatusIndicator>}
          actions={<Button iconName="refresh" ariaLabel="Load the events again" loading={loading} onClick={reload} />}
          description={value?.more ? 'There are too many to read all: those before the newest are shown.' : 'What failed comes first.'}
        >
          Events of the last hour
        </Header>
      }
      items={value?.shown ?? []}
      trackBy={(e) => String(e.cursor)}
      loading={loading && !value}
      loadingText="Loading"
      wrapLines
      ariaLabels={{ tableLabel: 'Events of the last hour' }}
      columnDefinitions={[
        { id: 'time', header: 'Time', width: 130, cell: ({ event }) => <time dateTime={event.time}>{timeOfDay(event.time)}</time> },
        { id: 'event', header: 'Event', isRowHeader: true, cell: (e) => <StatusIndicator type={isFailure(e) ? 'error' : 'info'}>{nameOf(e)}</StatusIndicator> },
        { id: 'of', header: 'Of', cell: ({ event }) => <Resource arn={event.resources[0]} /> },
        { id: 'who', header: 'Participant', cell: participantOf },
      ]}
      empty={<Box textAlign="center">Nothing happened in the last hour</Box>}
    />
  );
}
