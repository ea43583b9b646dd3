import { call } from '../api/client.ts';
import { pageSize } from '../api/search.ts';
import { idOf } from '../format.ts';
import { CreateEncoder } from '../parts/create-encoder.tsx';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ResourceList } from '../parts/resource-list.tsx';

async function list(nextToken: string | undefined, signal: AbortSignal) {
  const page = await call('ListEncoderConfigurations', { nextToken, maxResults: pageSize }, signal);
  return { items: page.encoderConfigurations, nextToken: page.nextToken };
}

export const encoderDeletion = ({ arn, name }: { arn: string; name: string }): Deletion => ({
  operation: 'DeleteEncoderConfiguration',
  arn,
  name: name || idOf(arn),
  warning: 'One that a running composition uses is refused.',
});

export default function EncoderConfigurations() {
  return (
    <ResourceList
      title="Encoder configurations"
      description="Formats of the video of compositions."
      section="/encoder-configurations"
      type="encoder-configuration"
      load={list}
      columns={[]}
      create={{ action: 'CreateEncoderConfiguration', label: 'Create', form: (close) => <CreateEncoder close={close} /> }}
      deletion={encoderDeletion}
    />
  );
}
