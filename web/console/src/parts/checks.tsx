import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';

import { examine, type Finding } from '../api/server.ts';
import { useLoad } from '../hooks.ts';
import { Problem } from './problem.tsx';

const kinds: Record<Finding['state'], StatusIndicatorProps.Type> = { ok: 'success', warning: 'warning', broken: 'error', unknown: 'info' };

const order = ['broken', 'warning', 'unknown', 'ok'];

/** What `rostrum doctor` finds: what is broken comes first. */
export function Checks() {
  const { value, error, loading, reload } = useLoad((signal) => examine(signal), []);
  const findings = value?.findings.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  if (error) return <Problem what="Checking the server" error={error} retry={reload} />;
  return (
    <Table
      header={
        <Header
          variant="h2"
          description="The findings of rostrum doctor: whether the server can run here and be reached."
          actions={
            <Button iconName="refresh" loading={loading} loadingText="Checking" onClick={reload}>
              Check again
            </Button>
          }
        >
          Checks
        </Header>
      }
      items={findings ?? []}
      loading={loading && !value}
      loadingText="Checking: this takes some seconds"
      wrapLines
      ariaLabels={{ tableLabel: 'Checks' }}
      columnDefinitions={[
        { id: 'state', header: 'State', width: 120, cell: (f) => <StatusIndicator type={kinds[f.state]}>{f.state === 'ok' ? 'OK' : f.state[0]!.toUpperCase() + f.state.slice(1)}</StatusIndicator> },
        { id: 'check', header: 'Check', width: 200, isRowHeader: true, cell: (f) => f.check },
        {
          id: 'found',
          header: 'Found',
          cell: (f) => (
            <>
              {f.found}
              {f.remedy && <Box color="text-body-secondary">Remedy: {f.remedy}</Box>}
            </>
          ),
        },
      ]}
    />
  );
}
