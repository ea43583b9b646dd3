import StatusIndicator from '@cloudscape-design/components/status-indicator';

import type { ChannelSummary, StreamSummary } from '../api/channels.ts';
import { call } from '../api/client.ts';
import { pageSize } from '../api/search.ts';
import { idOf, span, words } from '../format.ts';
import { ChannelForm } from '../parts/channel-form.tsx';
import type { Deletion } from '../parts/delete-resource.tsx';
import { ResourceList } from '../parts/resource-list.tsx';

type Listed = ChannelSummary & { stream?: StreamSummary };

/** A page of channels, with the streams of those that are live. */
async function list(nextToken: string | undefined, signal: AbortSignal) {
  const [page, live] = await Promise.all([call('ListChannels', { nextToken, maxResults: pageSize }, signal), streams(signal)]);
  return { items: page.channels.map((c): Listed => ({ ...c, stream: live.get(c.arn) })), nextToken: page.nextToken };
}

/** The streams that are live, by their channel. There are few: they are bounded by a quota. */
async function streams(signal: AbortSignal): Promise<Map<string, StreamSummary>> {
  const all = new Map<string, StreamSummary>();
  let nextToken: string | undefined;
  do {
    const page = await call('ListStreams', { nextToken, maxResults: 100 }, signal);
    for (const s of page.streams) all.set(s.channelArn, s);
    nextToken = page.nextToken;
  } while (nextToken && all.size < 1000);
  return all;
}

export const channelDeletion = (channel: { arn: string; name: string }): Deletion => ({
  operation: 'DeleteChannel',
  arn: channel.arn,
  name: channel.name || idOf(channel.arn),
  warning: 'Its stream key is deleted, too. A channel that is live is refused: stop its stream first.',
});

export default function Channels() {
  return (
    <ResourceList
      title="Channels"
      description="Each sends one stream, of an encoder or of a composition, to viewers as low-latency HLS."
      section="/channels"
      type="channel"
      load={list}
      columns={[
        { id: 'state', header: 'State', minWidth: 120, cell: (c) => (c.stream ? <StatusIndicator>Live</StatusIndicator> : <StatusIndicator type="stopped">Offline</StatusIndicator>) },
        { id: 'health', header: 'Health', cell: (c) => words(c.stream?.health) },
        { id: 'viewers', header: 'Viewers', cell: (c) => (c.stream && c.stream.viewerCount >= 0 ? c.stream.viewerCount : '–') },
        { id: 'since', header: 'Live for', cell: (c) => span(c.stream?.startTime) },
      ]}
      create={{ action: 'CreateChannel', label: 'Create channel', form: (close) => <ChannelForm close={close} /> }}
      deletion={channelDeletion}
    />
  );
}
