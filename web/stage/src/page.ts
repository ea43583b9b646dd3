// The page of a stage: a lobby to choose devices in, the call, and why it ended.
import { StageConnectionState, StageError, StageErrorCategory, StageErrorCode } from 'rostrum-sdk';

import { Call, type Receive, nameOf } from './call.ts';
import { byId, closeToasts, element, find, fromTemplate, openDialog, setIcon, setTool, showView, toast } from './dom.ts';
import { type Link, claimsOf, originOf, pageAt, parseLink, whyNoScreen } from './link.ts';
import { Lobby } from './lobby.ts';
import { Device, type Kind } from './local-media.ts';
import { type Ending, describeDevice, describeRefusal, unreachable } from './sentences.ts';

const measureEvery = 1000; // ms
const slowAfter = 3000; // ms of joining

let link: Link | undefined;
let call: Call | undefined; // from the click on Join until it ended
let joined = false;

const [camera, microphone] = (['camera', 'microphone'] as const).map((kind) => new Device(kind, devicesChanged, (error) => deviceFailed(kind, error))) as [Device, Device];
const lobby = new Lobby({ camera, microphone }, { speakerChosen: async (id) => call?.useSpeaker(id), failed: toast });

function devicesChanged(): void {
  lobby.show();
  call?.refresh();
  showTools();
}

/** In a call nothing else tells it. */
function deviceFailed(kind: Kind, error: unknown): void {
  if (joined) toast(describeDevice(kind, error));
}

/** Opens what a link says. Its token leaves the address bar: it belongs into no history. */
function open(text: string): void {
  const parsed = parseLink(text);
  history.replaceState(null, '', location.pathname);
  call?.leave();
  if (!parsed) return askForLink(text ? 'This is not a link to a stage. Perhaps a part got lost on the way.' : '');
  link = parsed;
  openLobby();
}

function askForLink(problem: string): void {
  closeDevices();
  byId('enter-problem').textContent = problem;
  byId<HTMLTextAreaElement>('token').value = '';
  showView('enter', 'Join a stage');
}

/** The name of the stage, as far as anybody told. */
const stageName = (): string => link?.stageName ?? `Stage ${link?.claims.topic ?? ''}`;

function ownName(): string {
  const { claims } = link!;
  return nameOf({ attributes: claims.attributes ?? {}, userId: claims.user_id ?? '', id: claims.jti });
}

function openLobby(): void {
  const current = link!;
  closeDevices();
  const mayPublish = current.claims.capabilities?.allow_publish ?? false;
  for (const name of document.querySelectorAll('.stage-name')) name.textContent = stageName();
  byId('own-name').textContent = ownName();
  showJoining(false);
  showView('lobby', stageName());
  void lobby.open(ownName(), mayPublish);
  void checkLink(current).then((ending) => ending && link === current && !call && showEnding(ending));
}

/** Asks the server whether it accepts the token, before anybody chooses devices. */
async function checkLink({ token, claims }: Link): Promise<Ending | undefined> {
  try {
    const answer = await fetch(`${claims.events_url.replace(/^ws/, 'http')}/${claims.topic}`, { headers: { Authorization: `Bearer ${token}` } });
    if (![401, 403, 404].includes(answer.status)) return undefined; // anything else is the answer to a join
    const { code, detail, title } = (await answer.json()) as { code: keyof typeof StageErrorCode; detail?: string; title?: string };
    return describeRefusal(new StageError(StageErrorCode[code] ?? StageErrorCode.FAILED, StageErrorCategory.JOIN_ERROR, detail ?? title ?? '', code), claims);
  } catch {
    return unreachable('The server does not answer.', claims);
  }
}

async function join(): Promise<void> {
  const current = link!;
  showJoining(true);
  const slow = setTimeout(() => (byId('joining').textContent = `${new URL(originOf(current.claims)).host} does not answer yet. Still trying …`), slowAfter);
  const receive = byId<HTMLSelectElement>('receive').value as Receive;
  call = new Call(current, camera, microphone, receive, { changed: showCall, happened, failed: (text, run) => toast(text, run && { label: 'Try again', run }), silenced: () => (byId('silenced').hidden = false), ended: callEnded });
  const joining = call;
  try {
    if (lobby.speaker) void call.useSpeaker(lobby.speaker);
    await call.join();
    joined = true;
    lobby.close();
    showView('call', stageName());
    showCall();
  } catch (error) {
    joining.close();
    if (call === joining) call = undefined;
    if (error instanceof StageError && error.code === StageErrorCode.CANCELED) return;
    showEnding(describeRefusal(error, current.claims));
  } finally {
    clearTimeout(slow);
    showJoining(false);
  }
}

function showJoining(joining: boolean): void {
  byId<HTMLButtonElement>('join').disabled = joining;
  byId('cancel').hidden = !joining;
  byId('joining').textContent = joining ? 'Joining …' : '';
}

function callEnded(ending: Ending): void {
  call = undefined;
  if (!joined) return; // whoever joins hears it
  joined = false;
  showEnding(ending);
}

function showEnding({ title, text, ways }: Ending): void {
  closeDevices();
  closeToasts();
  byId('silenced').hidden = true;
  byId('ended-title').textContent = title;
  byId('ended-text').textContent = text;
  const actions = {
    again: () => element('button', { type: 'button', className: 'primary', textContent: 'Join again', onclick: openLobby }),
    'other-link': () => element('button', { type: 'button', textContent: 'Use another link', onclick: () => askForLink('') }),
    'open-there': () => element('a', { className: 'primary button', href: pageAt(originOf(link!.claims), link!.fragment), textContent: `Open it at ${new URL(originOf(link!.claims)).host}`, rel: 'noreferrer' }),
  };
  byId('ways').replaceChildren(...ways.map((way) => actions[way]()));
  showView('ended', title);
}

function closeDevices(): void {
  lobby.close();
  camera.close();
  microphone.close();
}

/** Shows what the call is now. */
function showCall(): void {
  if (!call || !joined) return;
  const { participants, connectionState } = call.stage;
  const people = call.participants;
  byId('state').textContent = people.length === 1 ? '1 person' : `${people.length} people`;
  find('.count', byId('people-tool')).textContent = String(people.length);
  byId('reconnecting').hidden = connectionState === StageConnectionState.CONNECTED;
  const others = participants.filter(({ isLocal, isPublishing }) => !isLocal && isPublishing);
  byId('alone').hidden = others.length > 0 || call.screen !== undefined;
  byId('alone-text').textContent = people.length > 1 ? 'Nobody else has a camera or microphone on. As soon as somebody does, you see them here.' : 'You are the only one here.';
  byId('alone').classList.toggle('whole', call.board.all.length === 0);
  byId('alone-invite').hidden = people.length > 1;
  showPeople();
  showTools();
}

function showTools(): void {
  if (!call) return;
  const mayPublish = link!.claims.capabilities?.allow_publish ?? false;
  const replaced = call.screen !== undefined && call.screen.participantId === undefined;
  setTool(byId('microphone-tool'), microphone.isOn ? 'mic' : 'mic-off', microphone.isOn ? 'Mute' : 'Unmute', !microphone.isOn);
  setTool(byId('camera-tool'), camera.isOn ? 'camera' : 'camera-off', camera.isOn ? 'Camera off' : 'Camera on', !camera.isOn);
  byId<HTMLButtonElement>('camera-tool').disabled = replaced;
  setTool(byId('screen-tool'), 'screen', call.screen ? 'Stop sharing' : 'Share screen');
  byId('screen-tool').classList.toggle('active', call.screen !== undefined);
  for (const tool of ['microphone-tool', 'camera-tool', 'screen-tool']) byId(tool).hidden = !mayPublish;
  if (!('getDisplayMedia' in (navigator.mediaDevices ?? {}))) byId('screen-tool').hidden = true;
  const grid = call.board.layout === 'grid';
  setTool(byId('layout-tool'), grid ? 'spotlight' : 'grid', grid ? 'Spotlight' : 'Grid');
}

function showPeople(): void {
  const rows = call!.participants.map((info) => {
    const row = fromTemplate('person');
    find('.name', row).textContent = `${nameOf(info)}${info.isLocal ? ' (you)' : ''}`;
    const states = { microphone: info.isPublishing && !info.audioMuted, camera: info.isPublishing && !info.videoStopped };
    for (const [kind, on] of Object.entries(states)) {
      const icon = find(`.${kind}`, row);
      setIcon(icon, `${kind === 'microphone' ? 'mic' : kind}${on ? '' : '-off'}`);
      icon.classList.toggle('off', !on);
      find('.label', icon).textContent = `${kind} ${on ? 'on' : 'off'}`;
    }
    return row;
  });
  byId('people-list').replaceChildren(...rows);
}

/** Says it to screen readers, and in passing to all. */
function happened(text: string): void {
  byId('happened').textContent = text;
}

/** Offers the links that came with this one; without any it says how a token is made. */
function openPeople(): void {
  const { invitations, claims } = link!;
  byId('invitations').replaceChildren(
    ...invitations.map((token, i) => {
      const url = pageAt(originOf(claims), token + (link!.stageName ? `&stage=${encodeURIComponent(link!.stageName)}` : ''));
      const { user_id, attributes } = claimsOf(token)!;
      const row = fromTemplate('invitation');
      find('.name', row).textContent = attributes?.['name'] || user_id || `Invitation ${i + 1}`;
      find('button', row).onclick = () => void copy(url, row);
      return row;
    }),
  );
  byId('with-invitations').hidden = invitations.length === 0;
  byId('without-invitations').hidden = invitations.length > 0;
  byId('command').textContent = `aws ivs-realtime create-participant-token --stage-arn ${claims.resource ?? claims.topic} --user-id NAME`;
  byId('page-address').textContent = pageAt(originOf(claims), 'TOKEN');
  openDialog('people');
}

/** Copies a link. Pages from plain http have no clipboard: there it is shown, selected. */
async function copy(link: string, row: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    toast('The link is copied. Send it to one person: each link lets one in.');
  } catch {
    const field = element('input', { readOnly: true, value: link, ariaLabel: `Link for ${find('.name', row).textContent}` });
    find('button', row).replaceWith(field);
    field.focus(); // it had been on the button
    field.select();
    toast('Copy the link that is selected, and send it to one person: each link lets one in.');
  }
}

async function toggle(device: Device): Promise<void> {
  await device.toggle();
  happened(`${device.kind === 'camera' ? 'Camera' : 'Microphone'} ${device.isOn ? 'on' : 'off'}`); // by a key, the focus may be elsewhere
}

async function toggleScreen(): Promise<void> {
  if (call?.screen) return call.screen.stop();
  const { screen, claims } = link!;
  const problem = screen && whyNoScreen(claimsOf(screen)!, claims);
  if (screen && !problem) return shareScreen(screen);
  link!.screen = undefined;
  if (problem) toast(problem);
  openDialog('share');
}

async function shareScreen(token: string | undefined): Promise<void> {
  try {
    await call?.shareScreen(token);
  } catch (error) {
    if (!(error instanceof StageError)) toast(describeDevice('screen', error)); // the call has told the others
  }
}

async function measure(): Promise<void> {
  if (!call || !joined || !byId<HTMLInputElement>('statistics').checked) return;
  await Promise.all(call.board.all.map((tile) => tile.measure()));
}

byId('enter-form').onsubmit = (event) => {
  event.preventDefault();
  open(byId<HTMLTextAreaElement>('token').value);
};
byId('join').onclick = () => void join();
byId('cancel').onclick = () => call?.leave();
byId('microphone-tool').onclick = () => void toggle(microphone);
byId('camera-tool').onclick = () => void toggle(camera);
byId('screen-tool').onclick = () => void toggleScreen();
byId('layout-tool').onclick = () => {
  if (!call) return;
  call.board.layout = call.board.layout === 'grid' ? 'spotlight' : 'grid';
  showTools();
};
byId('people-tool').onclick = byId('alone-invite').onclick = openPeople;
byId('settings-tool').onclick = () => openDialog('settings');
byId('leave-tool').onclick = () => call?.leave();
byId('silenced').onclick = () => {
  byId('silenced').hidden = true;
  for (const tile of call?.board.all ?? []) tile.play();
};
byId('share-form').onsubmit = (event) => {
  const field = byId<HTMLInputElement>('screen-token');
  const pasted = field.value.trim();
  const second = parseLink(pasted);
  const problem = second ? whyNoScreen(second.claims, link!.claims) : pasted && 'That is no token.';
  if (problem) {
    event.preventDefault(); // the dialog stays
    return toast(problem);
  }
  field.value = '';
  void shareScreen(second?.token);
};
byId<HTMLSelectElement>('receive').onchange = ({ target }) => {
  if (!call) return;
  call.receive = (target as HTMLSelectElement).value as Receive;
  call.refresh();
};
byId<HTMLInputElement>('statistics').onchange = ({ target }) => {
  const { checked } = target as HTMLInputElement;
  byId('tiles').classList.toggle('measured', checked);
  for (const tile of call?.board.all ?? []) tile.hideFigures();
  call?.board.arrange();
  void measure();
};
for (const dialog of document.querySelectorAll('dialog')) {
  find('.close', dialog).onclick = () => dialog.close();
  dialog.onclick = ({ target }) => {
    if (target === dialog) dialog.close(); // beside it
  };
}

setInterval(() => void measure(), measureEvery);

addEventListener('keydown', (event) => {
  if (!call || !joined || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  const tool = { d: 'microphone-tool', e: 'camera-tool' }[event.key];
  if (!tool) return;
  event.preventDefault();
  if (!event.repeat && !byId(tool).hidden) byId(tool).click();
});

// Who reloads the page needs the link again: it is kept nowhere.
addEventListener('beforeunload', (event) => joined && event.preventDefault());

// Another link, opened where this page is.
addEventListener('hashchange', () => location.hash.length > 1 && open(location.hash));

open(location.hash.slice(1));
