import Alert from '@cloudscape-design/components/alert';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Tabs from '@cloudscape-design/components/tabs';

import { Checks } from '../parts/checks.tsx';
import { Log } from '../parts/log.tsx';
import { useSession } from '../parts/session.ts';
import { Settings } from '../parts/settings.tsx';

/** The server itself: whether it can be reached, its settings and its log. */
export default function Server() {
  const { node, endpoint } = useSession();
  return (
    <ContentLayout header={<Header variant="h1" description={endpoint}>Server</Header>}>
      {!node && <Alert>The server is shown to access keys of its own account without policies.</Alert>}
      {node && (
        <Tabs
          ariaLabel="Parts of the server"
          tabs={[
            { id: 'log', label: 'Log', content: <Log /> },
            { id: 'settings', label: 'Settings', content: <Settings /> },
            { id: 'checks', label: 'Checks', content: <Checks /> },
          ]}
        />
      )}
    </ContentLayout>
  );
}
