import Container from '@cloudscape-design/components/container';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { bits } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { CliLine, Copyable } from '../parts/cli-line.tsx';
import { CompositionList } from '../parts/composition-list.tsx';
import { ResourcePage } from '../parts/resource-page.tsx';
import { useArn } from '../parts/session.ts';
import { Tags } from '../parts/tags.tsx';
import { encoderDeletion } from './encoder-configurations.tsx';

export default function EncoderConfiguration({ id }: { id: string }) {
  const arn = useArn('encoder-configuration', id);
  const loaded = useLoad((signal) => call('GetEncoderConfiguration', { arn }, signal), [arn]);
  return (
    <ResourcePage section={['Encoder configurations', '/encoder-configurations']} what="the encoder configuration" id={id} loaded={loaded} resource={loaded.value?.encoderConfiguration} deletion={encoderDeletion}>
      {({ video, tags }) => (
        <>
          <Container footer={<CliLine line={cliLine('GetEncoderConfiguration', { arn })} />}>
            <KeyValuePairs
              columns={4}
              items={[
                { label: 'Size', value: `${video?.width}×${video?.height}` },
                { label: 'Frame rate', value: `${video?.framerate} a second` },
                { label: 'Bitrate', value: bits(video?.bitrate ?? 0) },
                { label: 'Tags', value: <Tags tags={tags} /> },
                { label: 'ARN', value: <Copyable text={arn} what="ARN" /> },
              ]}
            />
          </Container>
          <CompositionList encoderArn={arn} empty="No composition that is known uses it." />
        </>
      )}
    </ResourcePage>
  );
}
