import Badge from '@cloudscape-design/components/badge';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';

import { idOf } from '../format.ts';
import { follow, href } from '../router.ts';

/** An event with its place in the log. */
export interface Logged {
  cursor: number;
  event: { 'detail-type': string; time: string; resources: string[]; detail: Record<string, unknown> };
}

export const isFailure = ({ event }: Logged): boolean => /Error|Failure|Interrupted|Starvation Start|Breach/.test(`${event['detail-type']} ${String(event.detail.event_name ?? '')}`);

export const nameOf = ({ event }: Logged): string => String(event.detail.event_name ?? event['detail-type']);

/** Who an event is about. */
export const participantOf = ({ event }: Logged): string => String(event.detail.user_id || event.detail.participant_id || '–');

/** A link to a resource that has a page. */
export function Resource({ arn }: { arn?: string }) {
  const kind = arn?.split(':')[5]?.split('/')[0];
  if (!arn || (kind !== 'stage' && kind !== 'composition')) return <>{arn ? idOf(arn) : '–'}</>;
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <Badge>{kind}</Badge>
      <Link href={href(`/${kind}s/${idOf(arn)}`)} onFollow={follow}>
        {idOf(arn)}
      </Link>
    </SpaceBetween>
  );
}
