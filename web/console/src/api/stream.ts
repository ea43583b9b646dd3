import { ApiError, send } from './client.ts';

/** A message of an event stream. */
export interface Message {
  id: string;
  data: string;
}

/** Reads an event stream (HTML Standard §9.2) until it ends. */
export async function readStream(response: Response, receive: (message: Message) => void): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const message of blocks.flatMap(parse)) receive(message);
  }
}

/** The message of a block, if it has data. */
export function parse(block: string): Message[] {
  const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line));
  const all = (name: string) => fields.filter((f) => f?.[1] === name).map((f) => f![2]!);
  const data = all('data');
  return data.length > 0 ? [{ id: all('id').at(-1) ?? '', data: data.join('\n') }] : [];
}

const [minWait, maxWait] = [2000, 60_000];

/**
 * Follows an event stream until it is stopped: again after each end, from the last message
 * on, but only while the page can be seen. Browsers have few connections to one server. After
 * failures it waits for longer each time; what is not allowed is not asked for again.
 */
export function follow(path: string, receive: (message: Message) => void, fail: (error: unknown) => void): () => void {
  let last = '';
  let wait = minWait;
  let connection: AbortController | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const connect = async () => {
    const mine = (connection = new AbortController());
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream', ...(last && { 'Last-Event-ID': last }) };
      await readStream(await send(path, { headers, signal: mine.signal }), (message) => {
        last = message.id || last;
        wait = minWait;
        receive(message);
      });
    } catch (e) {
      if (mine.signal.aborted) return;
      fail(e);
      if (e instanceof ApiError && e.denied) return;
      wait = Math.min(2 * wait, maxWait);
    }
    if (!mine.signal.aborted) retry = setTimeout(connect, wait);
  };
  const stop = () => {
    clearTimeout(retry);
    connection?.abort();
    connection = undefined;
  };
  const react = () => (document.visibilityState === 'hidden' ? stop() : (connection ?? void connect()));
  document.addEventListener('visibilitychange', react);
  react();
  return () => {
    document.removeEventListener('visibilitychange', react);
    stop();
  };
}
