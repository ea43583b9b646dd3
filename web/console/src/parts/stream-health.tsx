import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect } from 'react';

import type { Stream } from '../api/channels.ts';
import { ApiError, call } from '../api/client.ts';
import { words } from '../format.ts';
import { useLoad } from '../hooks.ts';

/** The stream of a channel; null while it is offline. */
export async function streamOf(channelArn: string, signal: AbortSignal): Promise<Stream | null> {
  try {
    return (await call('GetStream', { channelArn }, signal)).stream ?? null;
  } catch (e) {
    if (e instanceof ApiError && e.code === 'ChannelNotBroadcasting') return null;
    throw e;
  }
}

/** Whether the video of a stream arrives. */
export const StreamHealth = ({ live }: { live: Stream }) => (
  <StatusIndicator type={live.health === 'HEALTHY' ? 'success' : live.health === 'STARVING' ? 'error' : 'pending'}>{words(live.health)}</StatusIndicator>
);

/** The health of a channel's stream, read again whenever round changes. */
export function ChannelHealth({ arn, round }: { arn: string; round: unknown }) {
  const { value, error, reload } = useLoad((signal) => streamOf(arn, signal), [arn]);
  useEffect(reload, [round, reload]);
  if (error) return <StatusIndicator type="warning">{error.message}</StatusIndicator>;
  return value ? <StreamHealth live={value} /> : value === null ? 'Offline' : '–';
}
