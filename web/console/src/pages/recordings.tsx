import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import Grid from '@cloudscape-design/components/grid';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { search } from '../api/search.ts';
import { idOf, span, time, words } from '../format.ts';
import { usePages } from '../hooks.ts';
import { List } from '../parts/list.tsx';
import { Problem } from '../parts/problem.tsx';
import { choices, ResourceSelect, useFirst } from '../parts/resource-select.tsx';
import { useArn } from '../parts/session.ts';
import { State } from '../parts/state.tsx';
import { durationOf, listRecordings, recordingMatches, recordingPath, stateOf } from '../recordings.ts';
import { follow, go, href } from '../router.ts';

const states = [
  { value: '', label: 'All states' },
  { value: 'ACTIVE', label: 'Active' },
  { value: 'STOPPED', label: 'Stopped' },
  { value: 'FAILED', label: 'Failed' },
];

/** The recordings in the bucket of a storage configuration, or of the first that there is. */
export default function Recordings({ storage }: { storage?: string }) {
  const first = useFirst(choices.storages);
  if (storage) return <InBucket id={storage} />;
  if (first.error) return <Problem what="Reading the storage configurations" error={first.error} retry={first.reload} />;
  return first.loading ? <Spinner /> : <InBucket id={first.value ? idOf(first.value.arn) : ''} />;
}

function InBucket({ id }: { id: string }) {
  const arn = useArn('storage-configuration', id);
  const [stage, setStage] = useState('');
  const [state, setState] = useState('');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const pages = usePages(
    async (token, signal) => {
      if (!id) return { items: [] };
      return search((next) => listRecordings(arn, stage && idOf(stage), next, signal), recordingMatches({ state, from, to }), token);
    },
    [id, stage, state, from, to],
  );
  const date = (label: string, value: string, change: (value: string) => void) => (
    <FormField label={label}>
      <DatePicker value={value} onChange={({ detail }) => change(detail.value)} placeholder="YYYY/MM/DD" openCalendarAriaLabel={() => `${label}: choose a date`} nextMonthAriaLabel="Next month" previousMonthAriaLabel="Previous month" todayAriaLabel="Today" expandToViewport />
    </FormField>
  );
  return (
    <List
      title="Recordings"
      level="h1"
      description="Of participants and of compositions, as they are in a bucket."
      pages={pages}
      rowKey={(r) => r.recording}
      filter={
        <Grid gridDefinition={[3, 3, 2, 2, 2].map((n) => ({ colspan: { default: 12, s: n } }))}>
          <ResourceSelect label="Storage configuration" from={choices.storages} value={id && arn} change={(chosen) => go(`/recordings/${idOf(chosen)}`)} />
          <ResourceSelect label="Stage" from={choices.stages} value={stage} change={setStage} none="All stages" />
          <FormField label="State">
            <Select selectedOption={states.find((s) => s.value === state)!} options={states} onChange={({ detail }) => setState(detail.selectedOption.value ?? '')} />
          </FormField>
          {date('Started from', from, setFrom)}
          {date('Until', to, setTo)}
        </Grid>
      }
      columns={[
        {
          id: 'of',
          header: 'Of',
          isRowHeader: true,
          cell: (r) => (
            <Link href={href(recordingPath(id, r.prefix))} onFollow={follow}>
              {r.participantId ? `Participant ${r.participantId}` : 'Composition'}
            </Link>
          ),
        },
        { id: 'state', header: 'State', cell: (r) => <State state={stateOf(r)} /> },
        {
          id: 'stage',
          header: 'Stage',
          cell: (r) =>
            r.stageArn ? (
              <Link href={href(`/stages/${idOf(r.stageArn)}`)} onFollow={follow}>
                {idOf(r.stageArn)}
              </Link>
            ) : (
              '–'
            ),
        },
        { id: 'started', header: 'Started', cell: (r) => time(r.startedAt) },
        { id: 'duration', header: 'Duration', cell: (r) => span(r.startedAt, durationOf(r)) },
        { id: 'message', header: 'Message', cell: (r) => r.message || (stateOf(r) === 'UNKNOWN' ? words(r.status) : '–') },
      ]}
      empty={id ? 'There are no recordings like that.' : 'There is no storage configuration. Create one, and name it in the recording configuration of a stage.'}
    />
  );
}
