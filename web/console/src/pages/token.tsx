import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';

import { idOf, span, time } from '../format.ts';
import { readToken, type Token } from '../token.ts';
import { follow, href } from '../router.ts';

export default function TokenInspector() {
  const [text, setText] = useState('');
  const token = text.trim() ? readToken(text) : undefined;
  return (
    <ContentLayout header={<Header variant="h1" description="What a participant token says. It is read in this browser and sent nowhere.">Token inspector</Header>}>
      <SpaceBetween size="l">
        <Container>
          <FormField label="Participant token" description="Or a link to the stage page, which has one." stretch>
            <Textarea value={text} onChange={({ detail }) => setText(detail.value)} rows={4} spellcheck={false} placeholder="eyJ…" />
          </FormField>
        </Container>
        {token === null && <Alert type="error">This is no participant token: expected three parts with dots between them, the first two JSON in base64url.</Alert>}
        {token && <Contents token={token} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Contents({ token }: { token: Token }) {
  const { claims, header } = token;
  const seconds = (value: unknown) => (typeof value === 'number' ? new Date(value * 1000).toISOString() : undefined);
  const [issued, expires] = [seconds(claims.iat), seconds(claims.exp)];
  const valid = expires && Date.parse(expires) > Date.now();
  const stage = typeof claims.resource === 'string' ? claims.resource : undefined;
  const attributes = Object.entries((claims.attributes ?? {}) as Record<string, unknown>);
  const may = Object.entries((claims.capabilities ?? {}) as Record<string, unknown>).filter(([, allowed]) => allowed === true);
  return (
    <Container header={<Header variant="h2" description="The signature is not checked here.">Contents</Header>}>
      <SpaceBetween size="l">
        <KeyValuePairs
          columns={3}
          items={[
            { label: 'Valid', value: !expires ? '–' : valid ? <StatusIndicator>{`For another ${span(new Date().toISOString(), expires)}`}</StatusIndicator> : <StatusIndicator type="error">{`Expired ${span(expires)} ago`}</StatusIndicator> },
            { label: 'Issued', value: time(issued) },
            { label: 'Expires', value: time(expires) },
            {
              label: 'Stage',
              value: stage ? (
                <Link href={href(`/stages/${idOf(stage)}`)} onFollow={follow}>
                  {stage}
                </Link>
              ) : (
                '–'
              ),
            },
            { label: 'Participant', value: String(claims.jti ?? '–') },
            { label: 'User', value: String(claims.user_id || '–') },
            { label: 'May', value: may.map(([name]) => name.replace('allow_', '')).join(', ') || '–' },
            { label: 'Signed', value: `${String(header.alg)}${header.kid ? ` with the key ${String(header.kid)}` : ', by the server'}` },
            { label: 'Events', value: String(claims.events_url ?? '–') },
          ]}
        />
        <div>
          <Box variant="awsui-key-label">Attributes</Box>
          {attributes.length === 0 ? '–' : attributes.map(([name, value]) => <div key={name}>{`${name}: ${String(value)}`}</div>)}
        </div>
      </SpaceBetween>
    </Container>
  );
}
