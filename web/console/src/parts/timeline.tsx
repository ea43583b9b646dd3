import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Spinner from '@cloudscape-design/components/spinner';

import type { Event } from '../api/operations.ts';
import { time, timeOfDay } from '../format.ts';
import type { Loaded } from '../hooks.ts';
import { follow, href } from '../router.ts';
import type { Happening } from '../timeline.ts';
import { CliLine } from './cli-line.tsx';
import { Problem } from './problem.tsx';

/** How many events of the API the timeline shows. */
export const maxEvents = 500;

interface Props {
  stage: string;
  session: string;
  events: Loaded<{ events: Event[]; more: boolean }>;
  happenings: Happening[];
  line: string;
  /** Asks about the quality at a time, in ms since 1970. */
  ask(at: number): void;
}

/** What happened to a participant, each time with a way to ask about the quality then. */
export function Timeline({ stage, session, events: { value, error, reload }, happenings, ask, line }: Props) {
  return (
    <Container header={<Header variant="h2">Timeline</Header>} footer={<CliLine line={line} />}>
      {error && <Problem what="Reading the events" error={error} retry={reload} />}
      {!value && !error && <Spinner />}
      {value && happenings.length === 0 && <Box color="text-body-secondary">Nothing happened yet.</Box>}
      <ol className="timeline">
        {happenings.map(({ at, kind, title, participantId, detail, cause }, i) => (
          <li key={i} data-kind={kind}>
            <button type="button" className="moment" title={`${time(new Date(at).toISOString())}: how was the quality?`} onClick={() => ask(at)}>
              <time dateTime={new Date(at).toISOString()}>{timeOfDay(new Date(at).toISOString())}</time>
            </button>
            <div>
              <b>{title}</b>
              {participantId && (
                <>
                  {': '}
                  <Link href={href(`/stages/${stage}/${session}/${participantId}`)} onFollow={follow}>
                    {participantId}
                  </Link>
                </>
              )}
              {detail && `: ${detail}`}
              {cause && <Box color="text-body-secondary">{cause}</Box>}
            </div>
          </li>
        ))}
      </ol>
      {value?.more && <Box color="text-body-secondary">The first {maxEvents} events are shown.</Box>}
    </Container>
  );
}
