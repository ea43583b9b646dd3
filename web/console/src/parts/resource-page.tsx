import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { type ReactNode, useState } from 'react';

import type { Loaded } from '../hooks.ts';
import { go } from '../router.ts';
import { ActionButton } from './action-button.tsx';
import { Crumbs } from './crumbs.tsx';
import { DeleteResource, type Deletion } from './delete-resource.tsx';
import { Problem } from './problem.tsx';
import { EditTags } from './tags.tsx';

interface Props<T> {
  section: [text: string, path: string]; // the list that it is of
  what: string; // "the channel"
  id: string;
  loaded: Loaded<unknown>;
  resource: T | undefined;
  info?: ReactNode; // beside the title
  actions?: ReactNode;
  deletion(resource: NoInfer<T>): Deletion;
  children(resource: NoInfer<T>): ReactNode;
}

/** The page of a named resource, which can be tagged and deleted. */
export function ResourcePage<T extends { arn?: string; name: string; tags: Record<string, string> }>({ section, what, id, loaded, resource, info, actions, deletion, children }: Props<T>) {
  const [dialog, setDialog] = useState<'tags' | 'delete'>();
  const title = resource?.name || id;
  const close = () => setDialog(undefined);
  const problem = loaded.error && <Problem what={`Reading ${what}`} error={loaded.error} retry={loaded.reload} />;
  const buttons = resource && (
    <SpaceBetween direction="horizontal" size="xs">
      <ActionButton action={deletion(resource).operation} on={resource.arn} onClick={() => setDialog('delete')}>
        Delete
      </ActionButton>
      <ActionButton action="TagResource" on={resource.arn} onClick={() => setDialog('tags')}>
        Tags
      </ActionButton>
      {actions}
    </SpaceBetween>
  );
  return (
    <ContentLayout
      breadcrumbs={<Crumbs path={[section, [title, `${section[1]}/${id}`]]} />}
      header={
        <Header variant="h1" info={info} actions={buttons}>
          {title}
        </Header>
      }
    >
      {resource ? (
        <SpaceBetween size="l">
          {problem}
          {children(resource)}
        </SpaceBetween>
      ) : (
        (problem ?? <Spinner />)
      )}
      {dialog === 'tags' && resource && <EditTags arn={resource.arn!} tags={resource.tags} close={close} changed={loaded.reload} />}
      {dialog === 'delete' && resource && <DeleteResource {...deletion(resource)} close={close} deleted={() => go(section[1])} />}
    </ContentLayout>
  );
}
