// Runs in a worker: looks at encoded pictures, off the page's thread.

import { Extractor, Inserter, type OutgoingMessage, type Picture, type SeiMessage, pipe } from './sei-pipe.ts';

/** What the page asks of the worker. */
export type ToWorker = { id: number; insert?: OutgoingMessage };
/** What the worker tells the page. */
export type FromWorker = { id: number; message: SeiMessage };
/** What the worker does with a transform. */
export type TransformOptions = { id: number; sends: boolean };

type Transformer = { readable: ReadableStream<Picture>; writable: WritableStream<Picture>; options: TransformOptions };
type Scope = {
  onrtctransform: (event: { transformer: Transformer }) => void;
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker): void;
};

const scope = self as unknown as Scope;
const inserters = new Map<number, Inserter>();

scope.onrtctransform = ({ transformer: { readable, writable, options } }) => {
  const { id, sends } = options;
  if (!sends) {
    const extractor = new Extractor((message) => scope.postMessage({ id, message }));
    return pipe(readable, writable, (picture) => extractor.process(picture));
  }
  const inserter = new Inserter();
  inserters.set(id, inserter);
  pipe(readable, writable, (picture) => inserter.process(picture));
};

scope.onmessage = ({ data: { id, insert } }) => {
  if (insert) inserters.get(id)?.add(insert);
  else inserters.delete(id);
};
