// Messages within a video: RTCRtpScriptTransform where the browser has it, otherwise
// the older createEncodedStreams of Chromium.

import { Extractor, Inserter, type OutgoingMessage, type Picture, type SeiMessage, pipe } from './sei-pipe.ts';
import type { FromWorker, ToWorker, TransformOptions } from './sei-worker.ts';
import workerSource from './sei-worker.ts?source';

export type { OutgoingMessage, SeiMessage } from './sei-pipe.ts';

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
export function insertInto(sender: RTCRtpSender): { insert(message: OutgoingMessage): void; close(): void } | undefined {
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
export function extractFrom(receiver: RTCRtpReceiver, found: (message: SeiMessage) => void): () => void {
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
const receivers = new Map<number, (message: SeiMessage) => void>();

function sharedWorker(): Worker {
  if (!worker) {
    worker = new Worker(URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' })));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => receivers.get(data.id)?.(data.message);
  }
  return worker;
}

const transform = (options: TransformOptions): RTCRtpScriptTransform => new RTCRtpScriptTransform(sharedWorker(), options);
const post = (message: ToWorker): void => sharedWorker().postMessage(message);

/** A copy of the bytes of a payload. */
export function toBytes(payload: BufferSource): Uint8Array {
  return ArrayBuffer.isView(payload) ? new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).slice() : new Uint8Array(payload.slice(0));
}

/** A random UUID (RFC 9562 §5.4), on pages without https too. */
export function newUUID(): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
