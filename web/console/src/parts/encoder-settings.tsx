import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';

import { ffmpegLine } from '../encoder.ts';
import { Code, Copyable } from './cli-line.tsx';

/** What encoders need, to copy: for those with two fields, with one, and for FFmpeg. */
export function EncoderSettings({ server, streamKey }: { server: string; streamKey: string }) {
  return (
    <Tabs
      ariaLabel="Encoders"
      tabs={[
        {
          id: 'obs',
          label: 'OBS',
          content: (
            <SpaceBetween size="m">
              <KeyValuePairs
                columns={2}
                items={[
                  { label: 'Server', value: <Copyable text={server} what="server" /> },
                  { label: 'Stream key', value: <Copyable text={streamKey} what="stream key" /> },
                ]}
              />
              <KeyValuePairs
                columns={4}
                items={[
                  { label: 'Service', value: 'Custom' },
                  { label: 'Rate control', value: 'CBR, 2500 kbit/s' },
                  { label: 'Keyframe interval', value: '1 s' },
                  { label: 'B-frames', value: '0 (x264: tune zerolatency)' },
                ]}
              />
            </SpaceBetween>
          ),
        },
        { id: 'ffmpeg', label: 'FFmpeg', content: <Code text={ffmpegLine(server, streamKey)} what="line of FFmpeg" /> },
        { id: 'url', label: 'One address', content: <Code text={server + streamKey} what="address" /> },
      ]}
    />
  );
}
