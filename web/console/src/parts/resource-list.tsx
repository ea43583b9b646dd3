import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { type ReactNode, useState } from 'react';

import { mentions, type Page, search } from '../api/search.ts';
import { idOf } from '../format.ts';
import { usePages } from '../hooks.ts';
import { follow, href } from '../router.ts';
import { ActionButton } from './action-button.tsx';
import { DeleteResource, type Deletion } from './delete-resource.tsx';
import { List } from './list.tsx';
import { useArn } from './session.ts';
import { EditTags, Tags } from './tags.tsx';

interface Named {
  arn?: string;
  name: string;
  tags?: Record<string, string>;
}

interface Props<T extends Named> {
  title: string; // "Channels"
  description: string;
  section: string; // the path of the pages: "/channels"
  type: string; // in ARNs
  load(nextToken: string | undefined, signal: AbortSignal): Promise<Page<T>>;
  columns: TableProps.ColumnDefinition<T>[]; // beside name, id and tags
  create: { action: string; label: string; form(close: () => void): ReactNode };
  deletion(item: NoInfer<T>): Deletion;
  tags?: false; // the list does not say which tags resources have
  actions?(changed: () => void): ReactNode;
}

type Dialog = 'create' | 'delete' | 'tags' | undefined;

/** A list of named resources: find, create, tag, delete. */
export function ResourceList<T extends Named>(p: Props<T>) {
  const [filter, setFilter] = useState('');
  const [applied, setApplied] = useState('');
  const [selected, setSelected] = useState<T[]>([]);
  const [dialog, setDialog] = useState<Dialog>();
  const pages = usePages((token, signal) => search((next) => p.load(next, signal), mentions(applied), token), [applied]);
  const any = useArn(p.type, '*');
  const [item] = selected;
  const close = () => setDialog(undefined);
  const changed = () => {
    setSelected([]);
    pages.reload();
  };
  const create = (
    <ActionButton action={p.create.action} on={any} variant="primary" onClick={() => setDialog('create')}>
      {p.create.label}
    </ActionButton>
  );
  return (
    <>
      <List
        title={p.title}
        level="h1"
        description={p.description}
        pages={pages}
        rowKey={(r) => r.arn!}
        rowName={(r) => r.name || idOf(r.arn!)}
        selected={selected}
        select={setSelected}
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: (r) => (
              <Link href={href(`${p.section}/${idOf(r.arn!)}`)} onFollow={follow}>
                {r.name || idOf(r.arn!)}
              </Link>
            ),
          },
          ...p.columns,
          { id: 'id', header: 'Id', cell: (r) => idOf(r.arn!) },
          ...(p.tags === false ? [] : [{ id: 'tags', header: 'Tags', cell: (r: T) => <Tags tags={r.tags} /> }]),
        ]}
        filter={
          <TextFilter
            filteringText={filter}
            filteringPlaceholder={p.tags === false ? 'Find by name or id' : 'Find by name, id or tag'}
            filteringAriaLabel={`Find: ${p.title}`}
            onChange={({ detail }) => setFilter(detail.filteringText)}
            onDelayedChange={({ detail }) => setApplied(detail.filteringText)}
          />
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {p.tags !== false && (
              <ActionButton action="TagResource" on={item?.arn} disabled={!item} onClick={() => setDialog('tags')}>
                Tags
              </ActionButton>
            )}
            <ActionButton action={item ? p.deletion(item).operation : ''} on={item?.arn} disabled={!item} onClick={() => setDialog('delete')}>
              Delete
            </ActionButton>
            {p.actions?.(changed)}
            {create}
          </SpaceBetween>
        }
        empty={applied ? 'None matches.' : <Box color="text-body-secondary">There are none yet.</Box>}
      />
      {dialog === 'create' && p.create.form(close)}
      {dialog === 'tags' && item && <EditTags arn={item.arn!} tags={item.tags ?? {}} close={close} changed={changed} />}
      {dialog === 'delete' && item && <DeleteResource {...p.deletion(item)} close={close} deleted={changed} />}
    </>
  );
}
