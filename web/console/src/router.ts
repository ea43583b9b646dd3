import { useSyncExternalStore } from 'react';

const base = '/console';
const moved = 'rostrum:moved';

const subscribe = (changed: () => void) => {
  addEventListener('popstate', changed);
  addEventListener(moved, changed);
  return () => {
    removeEventListener('popstate', changed);
    removeEventListener(moved, changed);
  };
};

/** The address of a path of the console. */
export const href = (path: string): string => base + path;

/** The path of the console that is shown: "/stages/abc". */
export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname.slice(base.length) || '/');

/** Shows another path. */
export function go(path: string): void {
  history.pushState(null, '', href(path));
  dispatchEvent(new Event(moved));
  scrollTo(0, 0);
}

interface Follow {
  detail: { href?: string; external?: boolean };
  preventDefault(): void;
}

/** Shows the path of a link without loading the document again. */
export function follow(event: Follow): void {
  const { href: to, external } = event.detail;
  if (external || !to?.startsWith(`${base}/`)) return;
  event.preventDefault();
  go(to.slice(base.length));
}
