import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import { useLoad } from '../hooks.ts';
import { signingProgram } from '../keys.ts';
import { CliLine, Code, Copyable } from '../parts/cli-line.tsx';
import { ResourcePage } from '../parts/resource-page.tsx';
import { useArn, useSession } from '../parts/session.ts';
import { Tags } from '../parts/tags.tsx';
import { keyDeletion } from './public-keys.tsx';

export default function PublicKey({ id }: { id: string }) {
  const arn = useArn('public-key', id);
  const { endpoint } = useSession();
  const loaded = useLoad((signal) => call('GetPublicKey', { arn }, signal), [arn]);
  return (
    <ResourcePage section={['Public keys', '/public-keys']} what="the public key" id={id} loaded={loaded} resource={loaded.value?.publicKey} deletion={keyDeletion}>
      {({ fingerprint, publicKeyMaterial, tags }) => (
        <>
          <Container footer={<CliLine line={cliLine('GetPublicKey', { arn })} />}>
            <KeyValuePairs
              columns={3}
              items={[
                { label: 'Fingerprint', value: fingerprint ? <Copyable text={fingerprint} what="fingerprint" /> : '–' },
                { label: 'Tags', value: <Tags tags={tags} /> },
                { label: 'ARN', value: <Copyable text={arn} what="ARN" /> },
              ]}
            />
          </Container>
          <Container header={<Header variant="h2">Public key</Header>}>
            <Code text={publicKeyMaterial ?? ''} what="public key" />
          </Container>
          <Container header={<Header variant="h2" description="For Node.js: node sign.mjs with the ARN of a stage prints a token. The private key is read from private-key.pem.">Sign a token</Header>}>
            <Code text={signingProgram(arn, endpoint)} what="program" />
          </Container>
        </>
      )}
    </ResourcePage>
  );
}
