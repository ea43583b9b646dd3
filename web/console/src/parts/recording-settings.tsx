import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Select, { type SelectProps } from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';

import { call } from '../api/client.ts';
import { cliLine } from '../api/cli.ts';
import type { ParticipantRecordingMediaType, Stage, UpdateStageInput } from '../api/operations.ts';
import { idOf } from '../format.ts';
import { useLoad } from '../hooks.ts';
import { ActionButton } from './action-button.tsx';
import { CliLine } from './cli-line.tsx';
import { useNotices } from './notices.tsx';
import { Problem } from './problem.tsx';

const none: SelectProps.Option = { value: '', label: 'Participants are not recorded' };
const media: Record<ParticipantRecordingMediaType, string> = { AUDIO_VIDEO: 'Audio and video', AUDIO_ONLY: 'Audio', NONE: 'Thumbnails alone' };

/** Where the participants of a stage are recorded, and what of them. */
export function RecordingSettings({ stage, changed }: { stage: Stage; changed(): void }) {
  const now = stage.autoParticipantRecordingConfiguration;
  const [storage, setStorage] = useState(now?.storageConfigurationArn ?? '');
  const [type, setType] = useState<ParticipantRecordingMediaType>(now?.mediaTypes?.[0] ?? 'AUDIO_VIDEO');
  const [thumbnails, setThumbnails] = useState(now?.thumbnailConfiguration?.recordingMode === 'INTERVAL');
  const [running, setRunning] = useState(false);
  const notices = useNotices();
  const storages = useLoad((signal) => call('ListStorageConfigurations', { maxResults: 100 }, signal), []);
  const options: SelectProps.Option[] = [none, ...(storages.value?.storageConfigurations ?? []).map((s) => ({ value: s.arn, label: s.name || idOf(s.arn), description: s.s3?.bucketName }))];
  const known = options.some((o) => o.value === storage) ? options : [...options, { value: storage, label: idOf(storage) }];
  const input: UpdateStageInput = {
    arn: stage.arn,
    autoParticipantRecordingConfiguration: storage
      ? { ...now, storageConfigurationArn: storage, mediaTypes: [type], thumbnailConfiguration: thumbnails ? { ...now?.thumbnailConfiguration, recordingMode: 'INTERVAL' } : { recordingMode: 'DISABLED' } }
      : { storageConfigurationArn: '' },
  };
  const save = async () => {
    setRunning(true);
    try {
      await call('UpdateStage', input);
      notices.done('The recording configuration is changed.');
      changed();
    } catch (e) {
      notices.failed('Changing the recording configuration failed', e);
    }
    setRunning(false);
  };
  return (
    <Container
      header={
        <Header variant="h2" description="It can be changed while nobody is connected." actions={<ActionButton action="UpdateStage" on={stage.arn} loading={running} onClick={save}>Save</ActionButton>}>
          Recording of participants
        </Header>
      }
      footer={<CliLine line={cliLine('UpdateStage', input)} />}
    >
      <SpaceBetween size="m">
        {storages.error && <Problem what="Reading the storage configurations" error={storages.error} retry={storages.reload} />}
        <FormField label="Storage configuration">
          <Select selectedOption={known.find((o) => o.value === storage) ?? none} options={known} onChange={({ detail }) => setStorage(detail.selectedOption.value ?? '')} statusType={storages.loading ? 'loading' : 'finished'} loadingText="Loading" />
        </FormField>
        {storage && (
          <>
            <FormField label="Media">
              <Select
                selectedOption={{ value: type, label: media[type] }}
                options={Object.entries(media).map(([value, label]) => ({ value, label }))}
                onChange={({ detail }) => setType(detail.selectedOption.value as ParticipantRecordingMediaType)}
              />
            </FormField>
            <Toggle checked={thumbnails} onChange={({ detail }) => setThumbnails(detail.checked)}>
              Thumbnails
            </Toggle>
          </>
        )}
      </SpaceBetween>
    </Container>
  );
}
