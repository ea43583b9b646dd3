import { useCallback, useEffect, useRef, useState } from 'react';

import { ApiError } from './api/client.ts';
import type { Page } from './api/search.ts';
import { follow, type Message } from './api/stream.ts';
import { useMay } from './parts/action-button.tsx';

/** What is loaded: the value stays while it is loaded again, and when that fails. */
export interface Loaded<T> {
  value?: T;
  error?: Error;
  loading: boolean;
  reload(): void;
}

/** Loads when the dependencies change, and again on demand, but not while it loads. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, dependencies: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ of?: typeof load; value?: T; error?: Error; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  const running = useRef({ now: false, again: false });
  const stable = useCallback(load, dependencies);
  useEffect(() => {
    const abort = new AbortController();
    const mine = { now: true, again: false };
    running.current = mine;
    setState((was) => ({ of: stable, value: was.of === stable ? was.value : undefined, loading: true }));
    const done = (result: { value: T } | { error: Error }) => {
      if (abort.signal.aborted) return;
      mine.now = false;
      setState((was) => ({ of: stable, value: was.value, ...result, loading: false }));
      if (mine.again) setRound((n) => n + 1);
    };
    stable(abort.signal).then(
      (value) => done({ value }),
      (error: Error) => done({ error }),
    );
    return () => abort.abort();
  }, [stable, round]);
  const reload = useCallback(() => {
    if (running.current.now) running.current.again = true;
    else setRound((n) => n + 1);
  }, []);
  return { value: state.value, error: state.error, loading: state.loading, reload };
}

/** The pages of a list. A page is loaded by the token that the page before it gave. */
export interface Pages<T> extends Loaded<T[]> {
  page: number; // from 1
  count: number; // of pages that are known
  open: boolean; // there is more after them
  show(page: number): void;
}

export function usePages<T>(load: (nextToken: string | undefined, signal: AbortSignal) => Promise<Page<T>>, dependencies: unknown[]): Pages<T> {
  const [tokens, setTokens] = useState<(string | undefined)[]>([undefined]);
  const [page, setPage] = useState(1);
  useEffect(() => {
    setTokens([undefined]);
    setPage(1);
  }, dependencies);
  const token = tokens[page - 1];
  const loaded = useLoad(async (signal) => {
    const { items, nextToken } = await load(token, signal);
    setTokens((known) => (nextToken ? [...known.slice(0, page), nextToken] : known.slice(0, page)));
    return items;
  }, [...dependencies, token]);
  return { ...loaded, page, count: tokens.length, open: tokens.length > page, show: setPage };
}

/** Receives the messages of an event stream while the page is seen; no path is no stream. */
export function useStream(path: string | undefined, receive: (message: Message) => void): Error | undefined {
  const [error, setError] = useState<Error>();
  const latest = useRef(receive);
  latest.current = receive;
  useEffect(() => {
    setError(undefined);
    if (!path) return;
    return follow(
      path,
      (message) => {
        setError(undefined);
        latest.current(message);
      },
      (e) => setError(e as Error),
    );
  }, [path]);
  return error;
}

/** Calls back soon after the events of a stage change, at most twice a second. The error is why it does not. */
export function useStageChanges(stageArn: string | undefined, changed: () => void): Error | undefined {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [from] = useState(() => new Date().toISOString());
  const may = useMay('rostrum:ReadEvents', stageArn);
  const error = useStream(may?.allowed && stageArn ? `/event-log?stage=${encodeURIComponent(stageArn)}&from=${from}` : undefined, () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      changed();
    }, 500);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return may?.because ? new ApiError('AccessDeniedException', may.because, 403) : error;
}

const schemes = ['system', 'light', 'dark'] as const;
export type Scheme = (typeof schemes)[number];

/** The chosen color scheme, kept in this browser. */
export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, setScheme] = useState<Scheme>(() => schemes.find((s) => s === localStorage.getItem('scheme')) ?? 'system');
  useEffect(() => {
    localStorage.setItem('scheme', scheme);
    const system = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
      const dark = scheme === 'dark' || (scheme === 'system' && system.matches);
      document.body.classList.toggle('awsui-dark-mode', dark);
      document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
    };
    apply();
    system.addEventListener('change', apply);
    return () => system.removeEventListener('change', apply);
  }, [scheme]);
  return [scheme, setScheme];
}
