/** A track of a device or a screen. */
export class FakeTrack extends EventTarget {
  enabled = true;
  contentHint = '';
  readyState: MediaStreamTrackState = 'live';

  constructor(readonly kind: 'audio' | 'video') {
    super();
  }

  stop(): void {
    this.readyState = 'ended';
  }

  /** Ends as by the browser: the device is gone, or the user stopped sharing. */
  end(): void {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }

  getSettings(): MediaTrackSettings {
    return {};
  }
}

type Answer = FakeTrack | string;

/** Has the browser answer each request for a device with the next track, or fail with the next name of an error; asked collects the ids of devices. */
export function answers(queue: (Answer | Promise<Answer>)[], asked: (string | undefined)[] = []): (Answer | Promise<Answer>)[] {
  const answer = async ({ video }: { video?: { deviceId?: { exact: string } } }) => {
    asked.push(video?.deviceId?.exact);
    const next = await (queue.shift() ?? 'NotFoundError');
    if (typeof next === 'string') throw new DOMException(next, next);
    return { getTracks: () => [next] };
  };
  Object.defineProperty(globalThis, 'navigator', { value: { mediaDevices: { getUserMedia: answer, getDisplayMedia: answer } }, configurable: true });
  return queue;
}
