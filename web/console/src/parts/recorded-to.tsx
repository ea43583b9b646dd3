import Link from '@cloudscape-design/components/link';

import { search } from '../api/search.ts';
import { idOf } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { recordingPath } from '../recordings.ts';
import { follow, href } from '../router.ts';
import { choices } from './resource-select.tsx';

interface Props {
  bucket: string;
  prefix: string;
}

/** Where a participant was recorded: a link where a storage configuration still has the bucket. */
export function RecordedTo({ bucket, prefix }: Props) {
  const found = useLoad(async (signal) => (await search((token) => choices.storages(token, signal), (s) => s.detail === bucket, undefined)).items[0], [bucket]);
  const text = `${bucket}/${prefix}`;
  return found.value ? <RecordingLink storageArn={found.value.arn} prefix={prefix} text={text} /> : text;
}

/** A link to a recording's page. */
export function RecordingLink({ storageArn, prefix, text }: { storageArn: string; prefix: string; text: string }) {
  return (
    <Link href={href(recordingPath(idOf(storageArn), prefix))} onFollow={follow}>
      {text}
    </Link>
  );
}
