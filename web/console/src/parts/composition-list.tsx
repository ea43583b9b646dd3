import Link from '@cloudscape-design/components/link';
import type { ReactNode } from 'react';

import { call } from '../api/client.ts';
import type { CompositionSummary } from '../api/operations.ts';
import { idOf, span, time } from '../format.ts';
import { usePages } from '../hooks.ts';
import { follow, href } from '../router.ts';
import { List } from './list.tsx';
import { State } from './state.tsx';

/** The compositions of a stage, those that use an encoder configuration, or all. */
export function CompositionList({ stageArn, encoderArn, level, actions, empty }: { stageArn?: string; encoderArn?: string; level?: 'h1' | 'h2'; actions?: ReactNode; empty: ReactNode }) {
  const pages = usePages(
    async (nextToken, signal) => {
      const out = await call('ListCompositions', { filterByStageArn: stageArn, filterByEncoderConfigurationArn: encoderArn, nextToken }, signal);
      return { items: out.compositions, nextToken: out.nextToken };
    },
    [stageArn, encoderArn],
  );
  return (
    <List
      title="Compositions"
      level={level}
      description={level === 'h1' ? 'Stages as one video with audio, sent to channels and recorded.' : undefined}
      pages={pages}
      actions={actions}
      rowKey={(c) => c.arn}
      columns={[
        {
          id: 'id',
          header: 'Id',
          isRowHeader: true,
          cell: (c) => (
            <Link href={href(`/compositions/${idOf(c.arn)}`)} onFollow={follow}>
              {idOf(c.arn)}
            </Link>
          ),
        },
        { id: 'state', header: 'State', cell: (c) => <State state={c.state} /> },
        ...(stageArn
          ? []
          : [
              {
                id: 'stage',
                header: 'Stage',
                cell: (c: CompositionSummary) => (
                  <Link href={href(`/stages/${idOf(c.stageArn)}`)} onFollow={follow}>
                    {idOf(c.stageArn)}
                  </Link>
                ),
              },
            ]),
        { id: 'destinations', header: 'Destinations', cell: (c) => c.destinations.map((d) => <State key={d.id} state={d.state} />) },
        { id: 'start', header: 'Started', cell: (c) => time(c.startTime) },
        { id: 'duration', header: 'Duration', cell: (c) => span(c.startTime, c.endTime) },
      ]}
      empty={empty}
    />
  );
}
