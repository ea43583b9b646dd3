import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import type { ReactNode } from 'react';

import type { Pages } from '../hooks.ts';
import { Problem } from './problem.tsx';

interface Props<T> {
  title: string;
  description?: string;
  level?: 'h1' | 'h2';
  pages: Pages<T>;
  columns: TableProps.ColumnDefinition<T>[];
  rowKey(item: T): string;
  empty: ReactNode; // what is shown when there is nothing, and what makes the first
  actions?: ReactNode;
  filter?: ReactNode;
  selected?: T[];
  select?(items: T[]): void;
  rowName?(item: T): string;
}

/** A list of the API: a page at a time, with its loading, empty and error states. */
export function List<T>(p: Props<T>) {
  const { pages } = p;
  const header = (
    <Header
      variant={p.level ?? 'h2'}
      description={p.description}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <Button iconName="refresh" ariaLabel={`Load the list again: ${p.title}`} onClick={pages.reload} />
          {p.actions}
        </SpaceBetween>
      }
    >
      {p.title}
    </Header>
  );
  const table = (
    <Table
      variant={p.level === 'h1' ? 'full-page' : 'container'}
      header={header}
      items={pages.value ?? []}
      trackBy={p.rowKey}
      loading={pages.loading && !pages.value}
      loadingText="Loading"
      columnDefinitions={p.columns}
      wrapLines
      filter={p.filter}
      empty={pages.error ? <span /> : <Box textAlign="center">{p.empty}</Box>}
      pagination={(pages.count > 1 || pages.open) && <Pagination currentPageIndex={pages.page} pagesCount={pages.count} openEnd={pages.open} onChange={({ detail }) => pages.show(detail.currentPageIndex)} />}
      {...(p.select && {
        selectionType: 'single' as const,
        selectedItems: p.selected ?? [],
        onSelectionChange: ({ detail }: { detail: { selectedItems: T[] } }) => p.select!(detail.selectedItems),
        ariaLabels: { selectionGroupLabel: p.title, itemSelectionLabel: (_: unknown, item: T) => p.rowName?.(item) ?? p.rowKey(item) },
      })}
      ariaLabels={p.select ? { selectionGroupLabel: p.title, itemSelectionLabel: (_: unknown, item: T) => p.rowName?.(item) ?? p.rowKey(item), tableLabel: p.title } : { tableLabel: p.title }}
    />
  );
  if (!pages.error) return table;
  return (
    <SpaceBetween size="s">
      <Problem what={p.title} error={pages.error} retry={pages.reload} />
      {table}
    </SpaceBetween>
  );
}
