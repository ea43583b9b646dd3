import { listDevices, onDevicesChanged, setSpeaker } from 'rostrum-sdk';

import { byId, element, find, initialsOf, setOptions, setTool } from './dom.ts';
import { type Device, type Kind, LevelMeter, playTestSound } from './local-media.ts';
import { describeBoth, describeDevice, mayPass } from './sentences.ts';

const selects = (kind: string): NodeListOf<HTMLSelectElement> => document.querySelectorAll<HTMLSelectElement>(`select[data-device=${kind}]`);

/** The choice of devices, with a preview of them: before a call and in its settings. */
export class Lobby {
  speaker = ''; // the id of the device
  private readonly meter = new LevelMeter();
  private readonly preview = byId<HTMLVideoElement>('preview');
  private isOpen = false;
  private metering = 0;

  constructor(
    private readonly devices: Record<Kind, Device>,
    private readonly listener: { speakerChosen(id: string): Promise<void>; failed(text: string): void },
  ) {
    for (const kind of ['camera', 'microphone'] as const) {
      for (const select of selects(kind)) select.onchange = () => void this.devices[kind].open(select.value);
      byId(`lobby-${kind}`).onclick = () => void this.devices[kind].toggle();
    }
    for (const select of selects('speaker')) select.onchange = () => void this.chooseSpeaker(select.value);
    for (const button of document.querySelectorAll<HTMLButtonElement>('.test-speaker')) button.onclick = () => void this.testSpeaker(button);
    if (navigator.mediaDevices) onDevicesChanged(() => void this.list());
  }

  /** Shows who joins, opens the devices if they are to be used, and lists them. */
  async open(name: string, mayPublish: boolean): Promise<void> {
    this.close();
    this.isOpen = true;
    find('.avatar', byId('lobby')).textContent = initialsOf(name);
    byId('stage-set').hidden = !mayPublish;
    byId('watch-only').hidden = mayPublish;
    for (const field of document.querySelectorAll<HTMLElement>('.publishes')) field.hidden = !mayPublish;
    this.show();
    if (mayPublish) {
      this.watchLevel();
      await Promise.all(Object.values(this.devices).map((device) => device.open()));
    }
    await this.list();
  }

  /** Shows what the devices do now; without a lobby, in the settings of the call only. */
  show(): void {
    void this.list();
    if (!this.isOpen) return;
    const { camera, microphone } = this.devices;
    setTool(byId('lobby-camera'), camera.isOn ? 'camera' : 'camera-off', camera.isOn ? 'Turn camera off' : 'Turn camera on', !camera.isOn);
    setTool(byId('lobby-microphone'), microphone.isOn ? 'mic' : 'mic-off', microphone.isOn ? 'Turn microphone off' : 'Turn microphone on', !microphone.isOn);
    const track = camera.track;
    if (track && (this.preview.srcObject as MediaStream | null)?.getVideoTracks()[0] !== track) this.preview.srcObject = new MediaStream([track]);
    byId('stage-set').classList.toggle('without', !camera.isOn);
    byId('preview-note').textContent = camera.isOn ? '' : camera.error && !camera.isOpen ? 'No camera' : camera.stream ? 'Camera is off' : 'Starting …';
    this.meter.use(microphone.isOn ? microphone.track : undefined);
    this.showProblems();
  }

  /** Ends the preview and the measuring. */
  close(): void {
    this.isOpen = false;
    cancelAnimationFrame(this.metering);
    this.meter.use(undefined);
    this.preview.srcObject = null;
  }

  private showProblems(): void {
    const { camera, microphone } = this.devices;
    const failed = Object.values(this.devices).filter(({ error }) => error);
    const both = describeBoth(camera.error, microphone.error);
    const problems = both ? [{ devices: failed, text: both }] : failed.map((device) => ({ devices: [device], text: describeDevice(device.kind, device.error) }));
    const shown = problems.map(({ text }) => text).join('\n');
    const list = byId('problems');
    if (list.dataset['shown'] === shown) return;
    list.dataset['shown'] = shown;
    list.replaceChildren(...problems.map(({ devices, text }) => element('li', {}, text, ...(devices.some(({ error }) => mayPass(error)) ? [' ', this.againButton(devices)] : []))));
  }

  private againButton(devices: Device[]): HTMLElement {
    return element('button', { type: 'button', className: 'quiet', textContent: 'Try again', onclick: () => void Promise.all(devices.map((device) => device.open())) });
  }

  private async list(): Promise<void> {
    const { cameras, microphones, speakers } = navigator.mediaDevices ? await listDevices() : { cameras: [], microphones: [], speakers: [] };
    const all = { camera: cameras, microphone: microphones, speaker: speakers };
    for (const [kind, devices] of Object.entries(all)) {
      const named = devices.filter(({ deviceId }) => deviceId);
      const options = named.map(({ deviceId, label }, i) => ({ value: deviceId, text: label || `${kind[0]!.toUpperCase()}${kind.slice(1)} ${i + 1}` }));
      const chosen = kind === 'speaker' ? this.speaker : this.devices[kind as Kind].id;
      const none = kind === 'speaker' || this.devices[kind as Kind].isOpen ? 'Default' : `No ${kind}`;
      for (const select of selects(kind)) {
        setOptions(select, options.length > 0 ? options : [{ value: '', text: none }], chosen || undefined);
        select.disabled = options.length === 0;
        if (kind === 'speaker') select.closest<HTMLElement>('.field')!.hidden = !('setSinkId' in HTMLMediaElement.prototype);
      }
    }
  }

  private async chooseSpeaker(id: string): Promise<void> {
    this.speaker = id;
    for (const select of selects('speaker')) select.value = id;
    await this.listener.speakerChosen(id).catch((error: unknown) => this.listener.failed(describeDevice('speaker', error)));
  }

  private async testSpeaker(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    await playTestSound(async (audio) => {
      if (this.speaker) await setSpeaker(audio, this.speaker);
    }).catch((error: unknown) => this.listener.failed(describeDevice('speaker', error)));
    button.disabled = false;
  }

  private watchLevel(): void {
    const level = byId('level');
    const show = (): void => {
      level.style.setProperty('--level', this.meter.level.toFixed(2));
      this.metering = requestAnimationFrame(show);
    };
    show();
  }
}
