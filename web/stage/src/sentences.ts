import { type Claims, DeviceError, DeviceFailure, NoPictureReason, StageError, StageErrorCategory, StageErrorCode, StageLeftReason } from 'rostrum-sdk';

import { originOf } from './link.ts';

/** What somebody can do about the end of a call. */
export type Way = 'again' | 'other-link' | 'open-there';

/** Why there is no call, and what to do about it. */
export interface Ending {
  title: string;
  text: string;
  ways: Way[];
}

/** The moment as this machine's user writes it. */
export function localTime(seconds: number, now = new Date()): string {
  const at = new Date(1000 * seconds);
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return at.toDateString() === now.toDateString() ? `today at ${time}` : `on ${at.toLocaleDateString([], { dateStyle: 'long' })} at ${time}`;
}

const askAgain = 'Ask whoever invited you for a new link.';

/** Says why a stage could not be joined. */
export function describeRefusal(error: unknown, claims: Claims): Ending {
  if (!(error instanceof StageError)) return { title: 'Something went wrong', text: `The page met an error: ${(error as Error).message ?? error}`, ways: ['again', 'other-link'] };
  return refusal(error, claims) ?? unreachable(error.message, claims);
}

/** Says why the server refuses a token; undefined for an error that may pass. */
function refusal(error: StageError, claims: Claims): Ending | undefined {
  const endings: Partial<Record<StageErrorCode, () => Ending>> = {
    [StageErrorCode.TOKEN_EXPIRED]: () => ({ title: 'This link has expired', text: `${claims.exp ? `It was valid until ${localTime(claims.exp)}.` : 'Its time is over.'} ${askAgain}`, ways: ['other-link'] }),
    [StageErrorCode.TOKEN_MALFORMED]: () => ({ title: 'This link is not valid', text: `The server does not accept it; perhaps a part got lost on the way. ${sentence(error.message)}${askAgain}`, ways: ['other-link'] }),
    [StageErrorCode.TOKEN_NOT_ALLOWED]: () => ({ title: 'This link does not allow it', text: `${sentence(error.message)}${askAgain}`, ways: ['other-link'] }),
    [StageErrorCode.STAGE_AT_CAPACITY]: () => ({ title: 'The stage is full', text: 'As many people are on it as the server allows. Try again when somebody has left.', ways: ['again', 'other-link'] }),
    [StageErrorCode.STAGE_DELETED]: () => ended(StageLeftReason.STAGE_DELETED),
    [StageErrorCode.PARTICIPANT_DISCONNECTED]: () => ended(StageLeftReason.PARTICIPANT_DISCONNECTED, error.message),
    [StageErrorCode.CANCELED]: () => ended(StageLeftReason.USER_INITIATED),
  };
  return endings[error.code]?.();
}

/** Says why no connection came about: the token may be for another address than the page. */
export function unreachable(detail: string, claims: Claims): Ending {
  const origin = originOf(claims);
  if (origin === location.origin) return { title: 'No connection', text: `${sentence(detail)}Check your network, and try again.`, ways: ['again', 'other-link'] };
  return {
    title: 'This link is for another server',
    text: `It connects to ${origin}, but this page came from ${location.origin} and may connect to that only. Open the link where it belongs.`,
    ways: ['open-there', 'other-link'],
  };
}

/** Says why a call ended: by the server's reason, or by the error that it met on reconnecting. */
export function describeLeft(reason: StageLeftReason, error: StageError | undefined, claims: Claims): Ending {
  if (reason !== StageLeftReason.UNKNOWN || error?.category !== StageErrorCategory.JOIN_ERROR) return ended(reason, error?.message);
  if (error.serverCode === 'TOKEN_REUSED') return ended(StageLeftReason.TOKEN_REUSED);
  return refusal(error, claims) ?? ended(reason, error.message);
}

/** Says why a call ended. */
export function ended(reason: StageLeftReason, detail = ''): Ending {
  switch (reason) {
    case StageLeftReason.USER_INITIATED:
      return { title: 'You left the stage', text: 'Your camera and microphone are off.', ways: ['again', 'other-link'] };
    case StageLeftReason.PARTICIPANT_DISCONNECTED:
      return { title: 'You were removed from the stage', text: `${sentence(detail)}This link can not be used any more. ${askAgain}`, ways: ['other-link'] };
    case StageLeftReason.STAGE_DELETED:
      return { title: 'The stage was deleted', text: 'The call is over for everybody.', ways: ['other-link'] };
    case StageLeftReason.TOKEN_REUSED:
      return { title: 'You joined somewhere else', text: 'This link is now used in another tab or on another device, and works in one at a time.', ways: ['again', 'other-link'] };
    case StageLeftReason.FAILED_EXCHANGE:
      return { title: 'Your access has ended', text: `The server did not accept your new token. ${sentence(detail)}${askAgain}`, ways: ['other-link'] };
    default:
      return { title: 'The connection was lost', text: `${sentence(detail)}Check your network, and join again.`, ways: ['again', 'other-link'] };
  }
}

/** Says what to do about a device that can't be used. */
export function describeDevice(kind: 'camera' | 'microphone' | 'screen' | 'speaker', error: unknown): string {
  if (!(error instanceof DeviceError)) return `The ${kind} can not be used: ${(error as Error).message}`;
  switch (error.failure) {
    case DeviceFailure.INSECURE_PAGE:
      return `Browsers give a ${kind} only to pages with https. Open this page by its https address; here you can watch and listen.`;
    case DeviceFailure.UNSUPPORTED:
      return kind === 'screen' ? 'This browser can not share a screen. Use a browser on a computer.' : `This browser gives no ${kind} to this page. Try another browser.`;
    case DeviceFailure.DENIED:
      return kind === 'screen' ? 'The screen is not shared.' : `The ${kind} is not allowed. Allow it in the settings of this site (beside the address), then try again.`;
    case DeviceFailure.NOT_FOUND:
      return `No ${kind} was found. Connect one, then try again.`;
    case DeviceFailure.IN_USE:
      return `The ${kind} does not start. Close other programs that use it, then try again.`;
    case DeviceFailure.OVERCONSTRAINED:
      return `The chosen ${kind} is gone. Choose another one.`;
    case DeviceFailure.FAILED:
      return `The ${kind} does not start: ${error.message}`;
  }
}

/** Whether another attempt may help, as it does once the user has changed something. */
export const mayPass = (error: unknown): boolean => !(error instanceof DeviceError && [DeviceFailure.INSECURE_PAGE, DeviceFailure.UNSUPPORTED].includes(error.failure));

const ofBoth: Partial<Record<DeviceFailure, string>> = {
  [DeviceFailure.INSECURE_PAGE]: 'Browsers give camera and microphone only to pages with https. Open this page by its https address; here you can watch and listen.',
  [DeviceFailure.UNSUPPORTED]: 'This browser gives neither camera nor microphone to this page. Try another browser.',
  [DeviceFailure.DENIED]: 'Camera and microphone are not allowed. Allow them in the settings of this site (beside the address), then try again.',
  [DeviceFailure.NOT_FOUND]: 'No camera and no microphone were found. Connect them, then try again.',
};

/** Says in one sentence why neither camera nor microphone can be used; undefined if the reasons differ. */
export function describeBoth(camera: unknown, microphone: unknown): string | undefined {
  if (!(camera instanceof DeviceError) || !(microphone instanceof DeviceError) || camera.failure !== microphone.failure) return undefined;
  return ofBoth[camera.failure];
}

/** Says why others don't get what this page publishes, or why it gets nothing from them. */
export function describeFailure(error: StageError): string {
  const publishing = error.category === 'PUBLISH_ERROR';
  switch (error.code) {
    case StageErrorCode.STAGE_AT_CAPACITY:
      return publishing ? 'Others don’t see or hear you: as many people publish as the server allows.' : 'Somebody can not be shown: the server is at its capacity.';
    case StageErrorCode.CODEC_MISMATCH:
      return publishing ? 'Others don’t see you: this browser has no video codec that the server takes. Try another browser.' : 'Somebody can not be shown: this browser lacks their codec. Try another browser.';
    case StageErrorCode.TOKEN_NOT_ALLOWED:
      return publishing ? 'Your link does not allow you to publish.' : 'Your link does not allow you to watch.';
    case StageErrorCode.TIMEOUT:
      return publishing ? 'Others don’t see or hear you: your media do not get through to the server. A firewall may block them.' : 'Pictures do not get through from the server. A firewall may block them.';
    default:
      return `${publishing ? 'Others don’t see or hear you' : 'Somebody can not be shown'}: ${error.message}`;
  }
}

/** What a tile says in place of a picture. */
export const noPicture: Record<NoPictureReason, string> = {
  [NoPictureReason.NOT_ON_STAGE]: 'Not here',
  [NoPictureReason.NOT_PUBLISHING]: 'Not publishing',
  [NoPictureReason.NOT_ALLOWED]: 'Your link does not allow you to watch',
  [NoPictureReason.NOT_WANTED]: 'Video is turned off in your settings',
  [NoPictureReason.CONNECTING]: 'Connecting …',
  [NoPictureReason.RECONNECTING]: 'Reconnecting …',
  [NoPictureReason.FAILED]: 'No connection',
  [NoPictureReason.AUDIO_ONLY]: 'No camera',
  [NoPictureReason.VIDEO_STOPPED]: 'Camera off',
  [NoPictureReason.BANDWIDTH]: 'Your connection is too slow for video',
  [NoPictureReason.NOTHING_SENT]: 'No video arrives',
  [NoPictureReason.CODEC]: 'This browser lacks the codec. Try another browser',
};

/** A detail of the server as a sentence of its own, or nothing. */
function sentence(detail: string): string {
  const text = detail.trim();
  if (!text) return '';
  return `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'} `;
}
