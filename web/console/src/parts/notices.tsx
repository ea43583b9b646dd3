import Flashbar, { type FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';

interface Notices {
  done(text: string): void;
  failed(what: string, error: unknown): void;
}

const Context = createContext<Notices>({ done: () => {}, failed: () => {} });

/** Tells the user what was done, or why it was not. */
export const useNotices = (): Notices => useContext(Context);

let count = 0;

/** Shows notices until they are dismissed; what was done goes by itself. */
export function NoticesProvider({ children }: { children: (bar: ReactNode) => ReactNode }) {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const remove = useCallback((id: string) => setItems((all) => all.filter((item) => item.id !== id)), []);
  const add = useCallback(
    (item: FlashbarProps.MessageDefinition) => {
      const id = `${++count}`;
      setItems((all) => [{ ...item, id, dismissible: true, dismissLabel: 'Dismiss', onDismiss: () => remove(id) }, ...all].slice(0, 5));
      if (item.type === 'success') setTimeout(() => remove(id), 6000);
    },
    [remove],
  );
  const notices = useMemo<Notices>(
    () => ({
      done: (content) => add({ type: 'success', content }),
      failed: (header, error) => add({ type: 'error', header, content: error instanceof Error ? error.message : String(error) }),
    }),
    [add],
  );
  return <Context.Provider value={notices}>{children(<Flashbar items={items} stackItems />)}</Context.Provider>;
}
