import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';

import { follow, href } from '../router.ts';

/** The way to this page: texts with the paths that they lead to. */
export const Crumbs = ({ path }: { path: [text: string, path: string][] }) => (
  <BreadcrumbGroup items={path.map(([text, to]) => ({ text, href: href(to) }))} onFollow={follow} ariaLabel="Path" />
);
