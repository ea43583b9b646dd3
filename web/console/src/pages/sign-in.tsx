import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type FormEvent, useState } from 'react';

import { type Session, signIn } from '../api/session.ts';

/** Asks for an access key. */
export function SignIn({ problem, enter }: { problem?: string; enter(session: Session): void }) {
  const [accessKeyId, setAccessKeyId] = useState('');
  const [secretAccessKey, setSecret] = useState('');
  const [region, setRegion] = useState('');
  const [error, setError] = useState(problem);
  const [running, setRunning] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setRunning(true);
    try {
      enter(await signIn({ accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim(), region: region.trim() || undefined }));
    } catch (e) {
      setError((e as Error).message);
      setRunning(false);
    }
  };
  return (
    <main className="sign-in">
      <SpaceBetween size="l">
        <Box variant="h1" textAlign="center">
          Rostrum
        </Box>
        {error && <Alert type="error">{error}</Alert>}
        <form onSubmit={submit}>
          <Container header={<Header variant="h2" description="With the access key of an operator, as the AWS CLI uses it.">Sign in</Header>}>
            <Form actions={<Button variant="primary" formAction="submit" loading={running}>Sign in</Button>}>
              <SpaceBetween size="m">
                <FormField label="Access key id">
                  <Input value={accessKeyId} onChange={({ detail }) => setAccessKeyId(detail.value)} autoComplete="username" name="username" autoFocus spellcheck={false} />
                </FormField>
                <FormField label="Secret access key">
                  <Input type="password" value={secretAccessKey} onChange={({ detail }) => setSecret(detail.value)} autoComplete="current-password" name="password" />
                </FormField>
                <ExpandableSection headerText="Region">
                  <FormField label="Region" description="Stages belong to a region. Empty is the one that the server is set to.">
                    <Input value={region} onChange={({ detail }) => setRegion(detail.value)} placeholder="us-east-1" spellcheck={false} />
                  </FormField>
                </ExpandableSection>
              </SpaceBetween>
            </Form>
          </Container>
        </form>
        <Box color="text-body-secondary" fontSize="body-s" textAlign="center">
          The server prints a link when it starts, which signs in once. <Box variant="code">rostrum env</Box> shows the first key.
        </Box>
      </SpaceBetween>
    </main>
  );
}
