import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import { Fragment, lazy, type ReactNode } from 'react';

import { follow, href } from '../router.ts';

type Parameters = Record<string, string>;

/** A page. Words of its pattern with a colon are parameters. */
interface Route {
  pattern: string;
  show(parameters: Parameters): ReactNode;
}

// Each is loaded when it is first shown.
const Overview = lazy(() => import('./overview.tsx'));
const Stages = lazy(() => import('./stages.tsx'));
const Stage = lazy(() => import('./stage.tsx'));
const StageSession = lazy(() => import('./stage-session.tsx'));
const Participant = lazy(() => import('./participant.tsx'));
const Compositions = lazy(() => import('./compositions.tsx'));
const Composition = lazy(() => import('./composition.tsx'));
const Channels = lazy(() => import('./channels.tsx'));
const Channel = lazy(() => import('./channel.tsx'));
const Recordings = lazy(() => import('./recordings.tsx'));
const Recording = lazy(() => import('./recording.tsx'));
const EncoderConfigurations = lazy(() => import('./encoder-configurations.tsx'));
const EncoderConfiguration = lazy(() => import('./encoder-configuration.tsx'));
const StorageConfigurations = lazy(() => import('./storage-configurations.tsx'));
const StorageConfiguration = lazy(() => import('./storage-configuration.tsx'));
const IngestConfigurations = lazy(() => import('./ingest-configurations.tsx'));
const IngestConfiguration = lazy(() => import('./ingest-configuration.tsx'));
const PublicKeys = lazy(() => import('./public-keys.tsx'));
const PublicKey = lazy(() => import('./public-key.tsx'));
const StartComposition = lazy(() => import('./start-composition.tsx'));
const Events = lazy(() => import('./events.tsx'));
const Keys = lazy(() => import('./keys.tsx'));
const Targets = lazy(() => import('./targets.tsx'));
const Server = lazy(() => import('./server.tsx'));
const TokenInspector = lazy(() => import('./token.tsx'));

const routes: Route[] = [
  { pattern: '/', show: () => <Overview /> },
  { pattern: '/stages', show: () => <Stages /> },
  { pattern: '/stages/:stage', show: (p) => <Stage id={p.stage!} /> },
  { pattern: '/stages/:stage/:session', show: (p) => <StageSession stage={p.stage!} session={p.session!} /> },
  { pattern: '/stages/:stage/:session/:participant', show: (p) => <Participant stage={p.stage!} session={p.session!} id={p.participant!} /> },
  { pattern: '/compositions', show: () => <Compositions /> },
  { pattern: '/compositions/start', show: () => <StartComposition /> },
  { pattern: '/compositions/start/:stage', show: (p) => <StartComposition stage={p.stage!} /> },
  { pattern: '/compositions/:id', show: (p) => <Composition id={p.id!} /> },
  { pattern: '/channels', show: () => <Channels /> },
  { pattern: '/channels/:id', show: (p) => <Channel id={p.id!} /> },
  { pattern: '/recordings', show: () => <Recordings /> },
  { pattern: '/recordings/:storage', show: (p) => <Recordings storage={p.storage!} /> },
  { pattern: '/recordings/:storage/:prefix', show: (p) => <Recording storage={p.storage!} prefix={p.prefix!} /> },
  { pattern: '/encoder-configurations', show: () => <EncoderConfigurations /> },
  { pattern: '/encoder-configurations/:id', show: (p) => <EncoderConfiguration id={p.id!} /> },
  { pattern: '/storage-configurations', show: () => <StorageConfigurations /> },
  { pattern: '/storage-configurations/:id', show: (p) => <StorageConfiguration id={p.id!} /> },
  { pattern: '/ingest-configurations', show: () => <IngestConfigurations /> },
  { pattern: '/ingest-configurations/:id', show: (p) => <IngestConfiguration id={p.id!} /> },
  { pattern: '/public-keys', show: () => <PublicKeys /> },
  { pattern: '/public-keys/:id', show: (p) => <PublicKey id={p.id!} /> },
  { pattern: '/events', show: () => <Events /> },
  { pattern: '/keys', show: () => <Keys /> },
  { pattern: '/targets', show: () => <Targets /> },
  { pattern: '/server', show: () => <Server /> },
  { pattern: '/token', show: () => <TokenInspector /> },
];

/** The parameters of a path that matches a pattern. */
export function match(pattern: string, path: string): Parameters | undefined {
  const [want, have] = [pattern.split('/'), path.replace(/\/$/, '').split('/')];
  if (path === '/') have.push('');
  if (want.length !== have.length) return;
  const found: Parameters = {};
  for (const [i, word] of want.entries()) {
    if (word.startsWith(':')) found[word.slice(1)] = decodeURIComponent(have[i]!);
    else if (word !== have[i]) return;
  }
  return found;
}

/** The path of the section in the navigation that a path belongs to. */
export const sectionOf = (path: string): string => `/${path.split('/')[1] ?? ''}`;

export function Page({ path }: { path: string }) {
  for (const { pattern, show } of routes) {
    const parameters = match(pattern, path);
    if (parameters) return <Fragment key={path}>{show(parameters)}</Fragment>;
  }
  return (
    <Box textAlign="center" padding="xxxl">
      <Box variant="h1">There is no such page</Box>
      <Link href={href('/')} onFollow={follow}>
        To the overview
      </Link>
    </Box>
  );
}
