import AppLayout from '@cloudscape-design/components/app-layout';
import Box from '@cloudscape-design/components/box';
import SideNavigation, { type SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import Spinner from '@cloudscape-design/components/spinner';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { Suspense, useEffect, useState } from 'react';

import { ApiError, onSessionEnd } from './api/client.ts';
import { currentSession, type Session, signIn, signOut, takeLink } from './api/session.ts';
import { type Scheme, useScheme } from './hooks.ts';
import { NoticesProvider } from './parts/notices.tsx';
import { SessionContext, useSession } from './parts/session.ts';
import { Page, sectionOf } from './pages/index.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { follow, href, usePath } from './router.ts';

const navigation = ({ restricted, node }: Session): SideNavigationProps.Item[] => [
  { type: 'link', text: 'Overview', href: href('/') },
  { type: 'link', text: 'Stages', href: href('/stages') },
  { type: 'link', text: 'Compositions', href: href('/compositions') },
  { type: 'link', text: 'Channels', href: href('/channels') },
  { type: 'link', text: 'Recordings', href: href('/recordings') },
  { type: 'link', text: 'Events', href: href('/events') },
  { type: 'divider' },
  { type: 'link', text: 'Encoder configurations', href: href('/encoder-configurations') },
  { type: 'link', text: 'Storage configurations', href: href('/storage-configurations') },
  { type: 'link', text: 'Ingest configurations', href: href('/ingest-configurations') },
  { type: 'link', text: 'Public keys', href: href('/public-keys') },
  { type: 'divider' },
  ...link(!restricted, 'Access keys', '/keys'),
  ...link(node, 'Targets', '/targets'),
  ...link(node, 'Server', '/server'),
  { type: 'link', text: 'Token inspector', href: href('/token') },
];

/** A link, for those to whom its page is open. */
const link = (shown: boolean, text: string, to: string): SideNavigationProps.Link[] => (shown ? [{ type: 'link', text, href: href(to) }] : []);

type State = { kind: 'opening' } | { kind: 'out'; problem?: string } | { kind: 'in'; session: Session };

/** What is shown first: the session that there is, or one by the link that was opened. */
async function open(): Promise<State> {
  const link = takeLink();
  try {
    return { kind: 'in', session: link ? await signIn({ link }) : await currentSession() };
  } catch (e) {
    const known = e instanceof ApiError && e.code === 'MissingAuthenticationToken';
    return { kind: 'out', problem: known ? undefined : (e as Error).message };
  }
}

export function App() {
  const [state, setState] = useState<State>({ kind: 'opening' });
  const [scheme, setScheme] = useScheme();
  useEffect(() => {
    let left = false;
    void open().then((next) => left || setState(next));
    const stop = onSessionEnd(() => setState((was) => (was.kind === 'in' ? { kind: 'out', problem: 'The session has ended: sign in again.' } : was)));
    return () => {
      left = true;
      stop();
    };
  }, []);
  if (state.kind === 'opening') return <Waiting />;
  if (state.kind === 'out') return <SignIn problem={state.problem} enter={(session) => setState({ kind: 'in', session })} />;
  const leave = async () => {
    await signOut().catch(() => {});
    setState({ kind: 'out' });
  };
  return (
    <SessionContext.Provider value={state.session}>
      <Top session={state.session} scheme={scheme} setScheme={setScheme} leave={leave} />
      <Body />
    </SessionContext.Provider>
  );
}

const Waiting = () => (
  <Box textAlign="center" padding="xxxl">
    <Spinner size="large" />
  </Box>
);

const schemeNames: Record<Scheme, string> = { system: 'As the system', light: 'Light', dark: 'Dark' };

function Top({ session, scheme, setScheme, leave }: { session: Session; scheme: Scheme; setScheme(s: Scheme): void; leave(): void }) {
  const choose = (id: string) => {
    if (id === 'sign-out') leave();
    else setScheme(id as Scheme);
  };
  return (
    <div id="top">
      <TopNavigation
        identity={{ href: href('/'), title: 'Rostrum', onFollow: follow as never }}
        utilities={[
          { type: 'button', text: session.region, title: 'Region', disableUtilityCollapse: false },
          {
            type: 'menu-dropdown',
            iconName: 'user-profile',
            text: session.userName,
            ariaLabel: `${session.userName}: account`,
            title: session.userName,
            description: `Account ${session.account}`,
            onItemClick: ({ detail }) => choose(detail.id),
            items: [
              { id: 'schemes', text: 'Colors', items: (Object.keys(schemeNames) as Scheme[]).map((id) => ({ id, text: schemeNames[id], iconName: id === scheme ? ('check' as const) : undefined })) },
              { id: 'sign-out', text: 'Sign out' },
            ],
          },
        ]}
      />
    </div>
  );
}

function Body() {
  const session = useSession();
  const path = usePath();
  const [isOpen, setOpen] = useState(() => innerWidth > 900);
  return (
    <NoticesProvider>
      {(bar) => (
        <AppLayout
          headerSelector="#top"
          toolsHide
          navigationOpen={isOpen}
          onNavigationChange={({ detail }) => setOpen(detail.open)}
          navigation={
            <SideNavigation
              activeHref={href(sectionOf(path))}
              items={navigation(session)}
              onFollow={(event) => {
                follow(event as never);
                if (innerWidth <= 688) setOpen(false);
              }}
            />
          }
          notifications={bar}
          content={
            <Suspense fallback={<Waiting />}>
              <Page path={path} />
            </Suspense>
          }
        />
      )}
    </NoticesProvider>
  );
}
