import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormPage from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { StartCompositionInput } from '../api/operations.ts';
import { destinationsOf, destinationsProblem, noDestinations } from '../destinations.ts';
import { idOf } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { defaultLayout, layoutOf, layoutProblem } from '../layout.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { CliLine } from '../parts/cli-line.tsx';
import { Crumbs } from '../parts/crumbs.tsx';
import { DestinationsEditor } from '../parts/destinations-editor.tsx';
import { LayoutEditor } from '../parts/layout-editor.tsx';
import { useNotices } from '../parts/notices.tsx';
import { choices, ResourceSelect } from '../parts/resource-select.tsx';
import { useArn } from '../parts/session.ts';
import { fromPairs, type Pair, Pairs } from '../parts/tags.tsx';
import { go } from '../router.ts';

/** The format of a composition without an encoder configuration. */
const defaultCanvas = { width: 1280, height: 720 };

/** Asks for a composition: of which stage, how it looks and where it goes. */
export default function StartComposition({ stage }: { stage?: string }) {
  const given = useArn('stage', stage ?? '');
  const compositions = useArn('composition', '*');
  const [stageArn, setStage] = useState(stage ? given : '');
  const [layout, setLayout] = useState(defaultLayout);
  const [destinations, setDestinations] = useState(noDestinations);
  const [tags, setTags] = useState<Pair[]>([]);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<Error>();
  const notices = useNotices();
  const encoder = (destinations.channel && destinations.channelEncoder) || (destinations.storage && destinations.storageEncoder);
  const format = useLoad(async (signal) => (encoder ? (await call('GetEncoderConfiguration', { arn: encoder }, signal)).encoderConfiguration?.video : undefined), [encoder]);
  const canvas = format.value ? { width: format.value.width ?? 1280, height: format.value.height ?? 720 } : defaultCanvas;
  const input: StartCompositionInput = { stageArn, layout: layoutOf(layout), destinations: destinationsOf(destinations), tags: tags.length > 0 ? fromPairs(tags) : undefined };
  const problem = (stageArn ? undefined : 'A stage has to be chosen.') ?? destinationsProblem(destinations) ?? layoutProblem(layout);
  const start = async () => {
    setRunning(true);
    setError(undefined);
    try {
      const { composition } = await call('StartComposition', input);
      notices.done('The composition starts.');
      go(`/compositions/${idOf(composition!.arn)}`);
    } catch (e) {
      setError(e as Error);
      setRunning(false);
    }
  };
  return (
    <ContentLayout
      breadcrumbs={
        <Crumbs
          path={[
            ['Compositions', '/compositions'],
            ['Start', '/compositions/start'],
          ]}
        />
      }
      header={
        <Header variant="h1" description="A stage as one video with audio.">
          Start a composition
        </Header>
      }
    >
      <FormPage
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => go(stage ? `/stages/${stage}` : '/compositions')}>
              Cancel
            </Button>
            <ActionButton action="StartComposition" on={stageArn ? [compositions, stageArn] : compositions} variant="primary" loading={running} disabled={!!problem} disabledReason={problem} onClick={start}>
              Start
            </ActionButton>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {error && (
            <Alert type="error" header="Starting the composition failed">
              {error.message}
            </Alert>
          )}
          <Container header={<Header variant="h2">Stage</Header>}>
            <ResourceSelect label="Stage" from={choices.stages} value={stageArn} change={setStage} />
          </Container>
          <Container header={<Header variant="h2" description={`Drawn by the server as it composes, on ${canvas.width}×${canvas.height}.`}>Layout</Header>}>
            <LayoutEditor form={layout} change={setLayout} canvas={canvas} />
          </Container>
          <DestinationsEditor form={destinations} change={setDestinations} />
          <Container header={<Header variant="h2">Tags</Header>} footer={<CliLine line={cliLine('StartComposition', input)} />}>
            <Pairs pairs={tags} change={setTags} add="Add a tag" empty="There are no tags." />
          </Container>
          {problem && <Box color="text-body-secondary">{problem}</Box>}
        </SpaceBetween>
      </FormPage>
    </ContentLayout>
  );
}
