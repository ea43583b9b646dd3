import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';

import { quote } from '../api/cli.ts';
import { bytes, idOf, span, time } from '../format.ts';
import { useLoad, usePages } from '../hooks.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Code } from '../parts/cli-line.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { List } from '../parts/list.tsx';
import { Player } from '../parts/player.tsx';
import { Problem } from '../parts/problem.tsx';
import { useArn } from '../parts/session.ts';
import { State } from '../parts/state.tsx';
import { durationOf, readRecording, type Recording as Shown, recordingPath, type Report, stateOf, verifyRecording } from '../recordings.ts';
import { follow, href } from '../router.ts';

/** How many files a page has. */
const filesPage = 50;

export default function Recording({ storage, prefix }: { storage: string; prefix: string }) {
  const arn = useArn('storage-configuration', storage);
  const { value: recording, error, reload } = useLoad((signal) => readRecording(arn, prefix, signal), [arn, prefix]);
  const crumbs = (
    <Crumbs
      path={[
        ['Recordings', `/recordings/${storage}`],
        [prefix, recordingPath(storage, prefix)],
      ]}
    />
  );
  if (!recording) {
    return (
      <ContentLayout breadcrumbs={crumbs} header={<Header variant="h1">Recording</Header>}>
        {error ? <Problem what="Reading the recording" error={error} retry={reload} /> : <Spinner />}
      </ContentLayout>
    );
  }
  return (
    <ContentLayout
      breadcrumbs={crumbs}
      header={
        <Header variant="h1" info={<State state={stateOf(recording)} />}>
          {recording.participantId ? `Recording of participant ${recording.participantId}` : 'Recording of a composition'}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {recording.message && <Alert type={stateOf(recording) === 'FAILED' ? 'error' : 'info'}>{recording.message}</Alert>}
        <Container header={<Header variant="h2">Player</Header>}>
          {recording.playlist ? <Player url={recording.playlist} title="Player of the recording" /> : <Box color="text-body-secondary">It has no media.</Box>}
        </Container>
        <Facts recording={recording} />
        <Check storage={arn} prefix={prefix} recording={recording} />
        <Metadata recording={recording} />
        <Files recording={recording} />
      </SpaceBetween>
    </ContentLayout>
  );
}

function Facts({ recording: r }: { recording: Shown }) {
  const stage = r.stageArn && idOf(r.stageArn);
  const participant = stage && r.sessionId && r.participantId;
  return (
    <Container>
      <KeyValuePairs
        columns={4}
        items={[
          {
            label: 'Stage',
            value: stage ? (
              <Link href={href(`/stages/${stage}`)} onFollow={follow}>
                {stage}
              </Link>
            ) : (
              '–'
            ),
          },
          {
            label: 'Participant',
            value: participant ? (
              <Link href={href(`/stages/${stage}/${r.sessionId}/${participant}`)} onFollow={follow}>
                {participant}
              </Link>
            ) : (
              '–'
            ),
          },
          { label: 'Started', value: time(r.startedAt) },
          { label: 'Ended', value: time(r.endedAt) },
          { label: 'Duration', value: span(r.startedAt, durationOf(r)) },
          { label: 'Files', value: r.files },
          { label: 'Size', value: bytes(r.bytes) },
          { label: 'Links valid until', value: time(r.expires) },
        ]}
      />
    </Container>
  );
}

type Checked = { kind: 'no' } | { kind: 'running' } | { kind: 'done'; report: Report } | { kind: 'failed'; error: Error };

/** Verifies the recording, and has the lines of the command line that do more with it. */
function Check({ storage, prefix, recording }: { storage: string; prefix: string; recording: Shown }) {
  const [checked, setChecked] = useState<Checked>({ kind: 'no' });
  const run = async () => {
    setChecked({ kind: 'running' });
    try {
      setChecked({ kind: 'done', report: await verifyRecording(storage, prefix) });
    } catch (e) {
      setChecked({ kind: 'failed', error: e as Error });
    }
  };
  const place = quote(recording.recording);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Reads all files, and checks playlists, segments, clocks and JSON against each other."
          actions={
            <ActionButton action="rostrum:ReadRecordings" on={storage} loading={checked.kind === 'running'} onClick={run}>
              Verify
            </ActionButton>
          }
        >
          Verify and export
        </Header>
      }
    >
      <SpaceBetween size="m">
        {checked.kind === 'failed' && <Problem what="Verifying the recording" error={checked.error} />}
        {checked.kind === 'done' && <Result report={checked.report} />}
        <Tabs
          ariaLabel="Lines of the command line"
          tabs={[
            { id: 'verify', label: 'Verify', content: <Code text={`rostrum recordings verify ${place}`} what="line" /> },
            { id: 'export', label: 'Export as MP4', content: <Code text={`rostrum recordings export ${place} --to recording.mp4`} what="line" /> },
            { id: 'link', label: 'Link for others', content: <Code text={`rostrum link ${place}`} what="line" /> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

function Result({ report }: { report: Report }) {
  if (report.problems.length === 0) return <Alert type="success">{`Nothing is wrong: ${(report.mediaMs / 1000).toFixed(1)} s in ${report.segments} segments and ${report.sections} sections.`}</Alert>;
  return (
    <Alert type="error" header={report.problems.length === 1 ? 'There is a problem' : `There are ${report.problems.length} problems`}>
      {report.problems.map((p, i) => (
        <div key={i}>{`${p.file}: ${p.problem}`}</div>
      ))}
    </Alert>
  );
}

/** The JSON files under events/. */
function Metadata({ recording }: { recording: Shown }) {
  const names = recording.listed.map((f) => f.name).filter((name) => /^events\/[\w-]+\.json$/.test(name));
  if (names.length === 0) return null;
  return (
    <Container header={<Header variant="h2">Metadata</Header>}>
      <Tabs ariaLabel="Metadata files" tabs={names.map((name) => ({ id: name, label: name.slice('events/'.length), content: <Json url={recording.base + name + recording.query} /> }))} />
    </Container>
  );
}

function Json({ url }: { url: string }) {
  const { value, error, reload } = useLoad(async (signal) => JSON.stringify(await (await fetch(url, { signal })).json(), null, 2), [url]);
  if (error) return <Problem what="Reading the file" error={error} retry={reload} />;
  return value === undefined ? <Spinner /> : <Code text={value} what="JSON" />;
}

function Files({ recording: { listed, files, base, query } }: { recording: Shown }) {
  const pages = usePages(
    async (token) => {
      const from = Number(token ?? 0);
      const next = from + filesPage;
      return { items: listed.slice(from, next), nextToken: next < listed.length ? `${next}` : undefined };
    },
    [listed],
  );
  return (
    <List
      title="Files"
      description={files > listed.length ? `The first ${listed.length} of ${files} files.` : undefined}
      pages={pages}
      rowKey={(f) => f.name}
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: (f) => (
            <Link href={base + f.name.split('/').map(encodeURIComponent).join('/') + query} external target="_blank">
              {f.name}
            </Link>
          ),
        },
        { id: 'size', header: 'Size', cell: (f) => bytes(f.size) },
      ]}
      empty="It has no files."
    />
  );
}
