import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { Capability, CreateParticipantTokenInput, ParticipantToken } from '../api/operations.ts';
import { time } from '../format.ts';
import { CliLine, Code } from './cli-line.tsx';
import { Dialog } from './dialog.tsx';
import { useNotices } from './notices.tsx';
import { useSession } from './session.ts';
import { ShownOnce } from './shown-once.tsx';
import { fromPairs, type Pair, Pairs } from './tags.tsx';

/** Asks for a participant token, and shows what to do with it. */
export function CreateToken({ stageArn, close }: { stageArn: string; close(): void }) {
  const [userId, setUserId] = useState('');
  const [minutes, setMinutes] = useState('720');
  const [publish, setPublish] = useState(true);
  const [subscribe, setSubscribe] = useState(true);
  const [pairs, setPairs] = useState<Pair[]>([]);
  const [running, setRunning] = useState(false);
  const [made, setMade] = useState<ParticipantToken>();
  const notices = useNotices();
  const capabilities: Capability[] = [...(publish ? (['PUBLISH'] as const) : []), ...(subscribe ? (['SUBSCRIBE'] as const) : [])];
  const input: CreateParticipantTokenInput = { stageArn, userId: userId || undefined, duration: Number(minutes) || undefined, capabilities, attributes: pairs.length > 0 ? fromPairs(pairs) : undefined };
  const create = async () => {
    setRunning(true);
    try {
      setMade((await call('CreateParticipantToken', input)).participantToken);
    } catch (e) {
      notices.failed('Creating the token failed', e);
      close();
    }
  };
  if (made) return <Made token={made} close={close} />;
  return (
    <Dialog title="Create token" action="Create" running={running} disabled={capabilities.length === 0} run={create} close={close}>
      <FormField label="User id" description="Who the participant is in your application. It may be empty.">
        <Input value={userId} onChange={({ detail }) => setUserId(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <FormField label="Valid for, in minutes" constraintText="From 1 to 20160, which are 14 days.">
        <Input type="number" inputMode="numeric" value={minutes} onChange={({ detail }) => setMinutes(detail.value)} />
      </FormField>
      <FormField label="May">
        <SpaceBetween direction="horizontal" size="l">
          <Checkbox checked={publish} onChange={({ detail }) => setPublish(detail.checked)}>
            Publish
          </Checkbox>
          <Checkbox checked={subscribe} onChange={({ detail }) => setSubscribe(detail.checked)}>
            Subscribe
          </Checkbox>
        </SpaceBetween>
      </FormField>
      <Pairs pairs={pairs} change={setPairs} add="Add an attribute" empty="There are no attributes; the stage page shows “name”." />
      <CliLine line={cliLine('CreateParticipantToken', input)} />
    </Dialog>
  );
}

const snippet = (endpoint: string, token: string) => `<script src="${endpoint}/sdk/rostrum.js"></script>
<script type="module">
  const { Stage, StageEvents, SubscribeType } = IVSBroadcastClient;
  const stage = new Stage('${token}', {
    stageStreamsToPublish: () => [],
    shouldPublishParticipant: () => false,
    shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant, streams) => {
    const srcObject = new MediaStream(streams.map((stream) => stream.mediaStreamTrack));
    document.body.append(Object.assign(document.createElement('video'), { srcObject, autoplay: true, muted: true }));
  });
  await stage.join();
</script>`;

function Made({ token, close }: { token: ParticipantToken; close(): void }) {
  const { endpoint } = useSession();
  const link = `${endpoint}/stage/#${token.token}`;
  return (
    <ShownOnce title="The token is ready" size="large" close={close}>
      <Box>
        It is shown only now, and valid until {time(token.expirationTime)}. Whoever has it is participant {token.participantId}.
      </Box>
      <Tabs
        tabs={[
          {
            id: 'link',
            label: 'Link',
            content: (
              <SpaceBetween size="s">
                <Code text={link} what="link" />
                <Link href={link} external target="_blank">
                  Open the stage page
                </Link>
              </SpaceBetween>
            ),
          },
          { id: 'token', label: 'Token', content: <Code text={token.token!} what="token" /> },
          { id: 'sdk', label: 'Browser SDK', content: <Code text={snippet(endpoint, token.token!)} what="program" /> },
        ]}
      />
    </ShownOnce>
  );
}
