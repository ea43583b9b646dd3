import Badge from '@cloudscape-design/components/badge';
import Header from '@cloudscape-design/components/header';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';

import { readSettings } from '../api/server.ts';
import { useLoad } from '../hooks.ts';
import { Problem } from './problem.tsx';

/** The kind of a source: a flag, a variable of the environment, a line of the file, or the default. */
const sourceOf = (from: string): string => (from === 'default' ? 'Default' : from.startsWith('--') ? 'Flag' : /^[A-Z_0-9]+$/.test(from) ? 'Environment' : 'File');

/** The settings in force and where each is from. Secrets are hidden. */
export function Settings() {
  const { value, error, loading, reload } = useLoad((signal) => readSettings(signal), []);
  const [filter, setFilter] = useState('');
  const [changed, setChanged] = useState(false);
  if (error) return <Problem what="Reading the settings" error={error} retry={reload} />;
  const shown = value?.settings.filter((s) => (!changed || s.from !== 'default') && `${s.key} ${s.value}`.toLowerCase().includes(filter.trim().toLowerCase()));
  return (
    <Table
      header={
        <Header variant="h2" description="They are read when the server starts. Secrets are hidden." counter={shown && `(${shown.length})`}>
          Settings in force
        </Header>
      }
      filter={
        <div className="fields">
          <TextFilter filteringText={filter} filteringPlaceholder="Find a setting" filteringAriaLabel="Find settings" onChange={({ detail }) => setFilter(detail.filteringText)} />
          <Toggle checked={changed} onChange={({ detail }) => setChanged(detail.checked)}>
            Without defaults
          </Toggle>
        </div>
      }
      items={shown ?? []}
      trackBy="key"
      loading={loading && !value}
      loadingText="Loading"
      wrapLines
      ariaLabels={{ tableLabel: 'Settings in force' }}
      columnDefinitions={[
        { id: 'key', header: 'Setting', width: 260, isRowHeader: true, cell: (s) => s.key },
        { id: 'value', header: 'Value', cell: (s) => <span className="code">{s.value || '–'}</span> },
        {
          id: 'from',
          header: 'From',
          width: 280,
          cell: (s) => (
            <>
              <Badge color={s.from === 'default' ? 'grey' : 'blue'}>{sourceOf(s.from)}</Badge> {s.from === 'default' ? '' : s.from}
            </>
          ),
        },
      ]}
      empty="No setting matches."
    />
  );
}
