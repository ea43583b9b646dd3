import type { CloseNotice, Reply, ServerMessage } from './wire.ts';

type Check = (value: unknown) => boolean;
type Fields = Record<string, Check>;

const text: Check = (v) => typeof v === 'string';
const count: Check = (v) => typeof v === 'number';
const flag: Check = (v) => typeof v === 'boolean';
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const maybe = (check: Check): Check => (v) => v === undefined || v === null || check(v);
const list = (check: Check): Check => (v) => Array.isArray(v) && v.every(check);
const texts: Check = (v) => isObject(v) && Object.values(v).every(text);
const object = (fields: Fields): Check => (v) => isObject(v) && Object.entries(fields).every(([name, check]) => check(v[name]));
const name: Check = (v) => text(v) && v !== '';

const metadata: Fields = { userId: maybe(text), attributes: maybe(texts), capabilities: maybe(list(text)) };
const mute: Fields = { audioMuted: flag, videoStopped: flag };
const participant = object({ id: name, isPublishing: flag, ...mute, ...metadata });
const layer = object({ label: text, width: count, height: count, bitrate: count, framerate: count, active: flag });
const problem = object({ status: count, code: text, title: maybe(text), detail: maybe(text), retryAfter: maybe(count) });
const iceServer = object({ urls: text, username: maybe(text), credential: maybe(text) });
const reply = object({
  connection: maybe(text), participantId: maybe(text), location: maybe(text), answer: maybe(text), fragment: maybe(text), etag: maybe(text),
  iceServers: maybe(list(iceServer)), layer: maybe(isObject), error: maybe(problem),
});

type Closing = Extract<ServerMessage, { payload: CloseNotice }>['type'];
type Whole = Exclude<ServerMessage['type'], Closing>;

/** What of each payload the SDK relies on. */
const payloads: Record<Whole, Check> = {
  STAGE_STATE: object({ participants: list(participant) }),
  PARTICIPANT_JOINED: participant,
  PARTICIPANT_LEFT: object({ participantId: name }),
  PUBLISH_STATE: object({ participantId: name, isPublishing: flag, participant, errorCode: maybe(text) }),
  MUTE_CHANGED: object({ participantId: name, ...mute }),
  METADATA_CHANGED: object({ participantId: name, ...metadata, userId: text }),
  LAYERS: object({ participantId: name, layers: list(layer) }),
  ACTIVE_SPEAKER: object({ participantId: text }),
  LAYER_SELECTED: object({ participantId: name, kind: text, label: text, paused: flag, reason: maybe(text) }),
  LAYERS_UNUSED: object({ labels: list(text) }),
  TOKEN_EXCHANGED: participant,
  PONG: () => true,
  REPLY: () => true, // see replyOf
  ATTACHED: () => true,
  ATTACH_FAILED: object({ code: text, detail: maybe(text), retryAfter: maybe(count) }),
};

const closing: Record<Closing, true> = { KICKED: true, STAGE_DELETED: true, GOING_AWAY: true, DETACHED: true, CONNECTION_CLOSED: true };

/**
 * Reads a message. It is undefined where it is unknown, or has not what its type promises. A
 * message that ends something has a payload in any case: its type says enough.
 */
export function readMessage(data: unknown): ServerMessage | undefined {
  const message = parse(data);
  if (!isObject(message) || !text(message['type'])) return undefined;
  const type = message['type'] as string;
  if (Object.hasOwn(closing, type)) return { ...message, payload: noticeOf(message['payload']) } as ServerMessage;
  return Object.hasOwn(payloads, type) && payloads[type as Whole](message['payload']) ? (message as ServerMessage) : undefined;
}

/** A reply; undefined if it is malformed, as if there were none. */
export const replyOf = (payload: Reply): Reply | undefined => (reply(payload) ? payload : undefined);

function noticeOf(payload: unknown): object {
  if (!isObject(payload)) return {};
  return Object.fromEntries(['reason', 'detail', 'code'].flatMap((field) => (text(payload[field]) ? [[field, payload[field]]] : [])));
}

function parse(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined; // not from a server that speaks the protocol
  }
}
