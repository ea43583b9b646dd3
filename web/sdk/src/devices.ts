// Cameras, microphones and speakers, with failures that one can act on.

/** Why a device can't be had. */
export enum DeviceFailure {
  /** The page is neither from https nor from this machine: browsers give devices to no other. */
  INSECURE_PAGE = 'insecure-page',
  /** The browser, or the frame that the page is in, does not offer devices. */
  UNSUPPORTED = 'unsupported',
  /** The user, or a policy, has denied it: the browser's settings of the site change that. */
  DENIED = 'denied',
  /** There is no such device. */
  NOT_FOUND = 'not-found',
  /** Another program has it. */
  IN_USE = 'in-use',
  /** No device can do what was asked: ask for less. */
  OVERCONSTRAINED = 'overconstrained',
  /** The user has closed the dialog, or something else went wrong. */
  FAILED = 'failed',
}

export class DeviceError extends Error {
  override readonly name = 'DeviceError';

  constructor(
    readonly failure: DeviceFailure,
    message: string,
  ) {
    super(message);
  }
}

export interface Devices {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

/** Lists the devices. Browsers name them after the page has used one. */
export async function listDevices(): Promise<Devices> {
  const all = await mediaDevices().enumerateDevices();
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((d) => d.kind === kind);
  return { cameras: of('videoinput'), microphones: of('audioinput'), speakers: of('audiooutput') };
}

/** Calls back when devices come or go. It returns how to end that. */
export function onDevicesChanged(changed: () => void): () => void {
  const devices = mediaDevices();
  devices.addEventListener('devicechange', changed);
  return () => devices.removeEventListener('devicechange', changed);
}

/** Opens a camera, by default for 1280x720 at 30 pictures a second: the most that a stage takes. */
export const openCamera = (deviceId?: string, constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> =>
  open('video', { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...choice(deviceId), ...constraints });

/** Opens a microphone. */
export const openMicrophone = (deviceId?: string, constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> => open('audio', { ...choice(deviceId), ...constraints });

/** Asks the user for a screen or window; its audio is there if the browser and the user share it. */
export async function openScreen(options: DisplayMediaStreamOptions = {}): Promise<MediaStreamTrack[]> {
  const devices = mediaDevices();
  if (!devices.getDisplayMedia) throw new DeviceError(DeviceFailure.UNSUPPORTED, 'This browser can not share the screen.');
  const video = { width: { max: 1280 }, height: { max: 720 }, frameRate: { max: 30 } };
  return devices.getDisplayMedia({ video, audio: true, ...options }).then((stream) => stream.getTracks(), fail);
}

/** Has an element play on a speaker; an empty id is the system's default. */
export async function setSpeaker(element: HTMLMediaElement, deviceId: string): Promise<void> {
  if (!element.setSinkId) throw new DeviceError(DeviceFailure.UNSUPPORTED, 'This browser does not let pages choose a speaker.');
  await element.setSinkId(deviceId).catch(fail);
}

const choice = (deviceId?: string): MediaTrackConstraints => (deviceId ? { deviceId: { exact: deviceId } } : {});

async function open(kind: 'audio' | 'video', constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const stream = await mediaDevices().getUserMedia({ [kind]: constraints }).catch(fail);
  return stream.getTracks()[0]!;
}

function mediaDevices(): MediaDevices {
  if (navigator.mediaDevices) return navigator.mediaDevices;
  throw isSecureContext
    ? new DeviceError(DeviceFailure.UNSUPPORTED, 'This browser offers no devices to pages.')
    : new DeviceError(DeviceFailure.INSECURE_PAGE, 'Browsers give cameras and microphones to pages from https or localhost only.');
}

const failures: Record<string, [DeviceFailure, string]> = {
  NotAllowedError: [DeviceFailure.DENIED, 'The use of the device was denied. The settings of the site in the browser change that.'],
  SecurityError: [DeviceFailure.DENIED, 'A policy of the page forbids the use of the device.'],
  NotFoundError: [DeviceFailure.NOT_FOUND, 'There is no such device. Connect one, and try again.'],
  NotReadableError: [DeviceFailure.IN_USE, 'The device does not start: another program uses it.'],
  AbortError: [DeviceFailure.IN_USE, 'The device does not start.'],
  OverconstrainedError: [DeviceFailure.OVERCONSTRAINED, 'No device can do what was asked, or the chosen one is gone.'],
};

function fail(error: DOMException): never {
  const [failure, message] = failures[error.name] ?? [DeviceFailure.FAILED, error.message];
  throw new DeviceError(failure, message);
}
