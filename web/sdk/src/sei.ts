// Messages within a video: RTCRtpScriptTransform where the browser has it, otherwise
// the older createEncodedStreams of Chromium.

import { Extractor, Inserter, type Picture, type SeiMessage, pipe } from './sei-pipe.ts';
import type { FromWorker, ToWorker, TransformOptions } from './sei-worker.ts';
import workerSource from './sei-worker.ts?source';

export type { SeiMessage } from './sei-pipe.ts';

/** A message that was received within a video. */
export interface ReceivedSeiMessage {
  payload: Uint8Array;
  uuid: string;
}

export const maxPayload = 1024; // bytes
export const maxRepeats = 30;

type Streams = { readable: ReadableStream<Picture>; writable: WritableStream<Picture> };
type Legacy = { createEncodedStreams?(): Streams };

/** Adds to a peer connection's configuration what its transforms need. */
export const messagesConfiguration = (): RTCConfiguration => (hasWorkers() ? {} : ({ encodedInsertableStreams: true } as RTCConfiguration));

/** Whether this browser can look at encoded pictures. */
export const supportsMessages = (): boolean =>
  hasWorkers() || (typeof RTCRtpSender !== 'undefined' && 'createEncodedStreams' in RTCRtpSender.prototype);

const hasWorkers = (): boolean => typeof RTCRtpScriptTransform !== 'undefined';

/** Lets messages be inserted into what a sender sends. Undefined if the browser can not. */
export function insertInto(sender: RTCRtpSender): { insert(message: SeiMessage): void; close(): void } | undefined {
  if (!supportsMessages()) return undefined;
  if (hasWorkers()) {
    const id = ++lastID;
    sender.transform = transform({ id, sends: true });
    return { insert: (message) => post({ id, insert: message }), close: () => post({ id }) };
  }
  const inserter = new Inserter();
  const { readable, writable } = (sender as Legacy).createEncodedStreams!();
  pipe(readable, writable, (picture) => inserter.process(picture));
  return { insert: (message) => inserter.add(message), close: () => {} };
}

/** Reads the messages in what a receiver receives. It returns how to end that. */
export function extractFrom(receiver: RTCRtpReceiver, found: (message: ReceivedSeiMessage) => void): () => void {
  if (!supportsMessages()) return () => {};
  if (hasWorkers()) {
    const id = ++lastID;
    receivers.set(id, found);
    receiver.transform = transform({ id, sends: false });
    return () => receivers.delete(id);
  }
  const extractor = new Extractor(found);
  const { readable, writable } = (receiver as Legacy).createEncodedStreams!();
  pipe(readable, writable, (picture) => extractor.process(picture));
  return () => {};
}

let lastID = 0;
let worker: Worker | undefined; // of all transforms of the page
const receivers = new Map<number, (message: ReceivedSeiMessage) => void>();

function sharedWorker(): Worker {
  if (!worker) {
    worker = new Worker(URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' })));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => receivers.get(data.id)?.(data.message);
  }
  return worker;
}

const transform = (options: TransformOptions): RTCRtpScriptTransform => new RTCRtpScriptTransform(sharedWorker(), options);
const post = (message: ToWorker): void => sharedWorker().postMessage(message);

export function toBytes(payload: ArrayBuffer | Uint8Array | string): Uint8Array {
  if (typeof payload === 'string') return new TextEncoder().encode(payload);
  return new Uint8Array(payload); // a copy of an array
}
