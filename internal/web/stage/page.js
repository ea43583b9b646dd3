// The page of a stage, for the holder of a participant token: it listens to the
// events socket, receives everyone who publishes, and publishes a camera when
// asked to. What it says to the server is told in docs/protocol.md.

import { Link, pauses, reasonOf, wait } from './link.js';
import { Tile } from './tile.js';

const byId = (id) => document.getElementById(id);

/** What a camera is sent as, the best first: each viewer gets the one its connection carries. */
const layers = [
  { rid: 'hi', maxBitrate: 2_000_000 },
  { rid: 'mid', scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: 'low', scaleResolutionDownBy: 4, maxBitrate: 200_000 },
];

/** Reads what a token says. Whether it is good is for the server to tell. */
function claimsOf(token) {
  const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Someone else who publishes, received until closed. */
class Other {
  constructor(member, claims, token) {
    const stream = new MediaStream();
    this.tile = new Tile(nameOf(member), stream, false);
    this.tile.video.muted = !sound;
    const prepare = (connection) => {
      connection.addTransceiver('video', { direction: 'recvonly' });
      connection.addTransceiver('audio', { direction: 'recvonly' });
      connection.ontrack = ({ track }) => {
        for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
        stream.addTrack(track);
      };
    };
    const url = `${claims.whip_url}/subscribe/${encodeURIComponent(member.id)}`;
    this.link = new Link(url, token, prepare, (state, why) => this.tile.become(state, why));
  }

  know(member) {
    this.tile.member = member;
    this.tile.rename(nameOf(member));
    this.tile.note();
  }

  close() {
    this.link.close();
    this.tile.remove();
  }
}

function nameOf(member) {
  return member.attributes?.name || member.userId || member.id;
}

function say(text, trouble = false) {
  byId('state').textContent = text;
  byId('state').classList.toggle('trouble', trouble);
}

const others = new Map(); // by participant id
let sound = false;
let camera; // { link, stream, tile } while published

function show(members, claims, token) {
  const publishing = new Map(members.filter((m) => m.isPublishing && m.id !== claims.jti).map((m) => [m.id, m]));
  for (const [id, other] of others) {
    if (!publishing.has(id)) {
      other.close();
      others.delete(id);
    }
  }
  for (const [id, member] of publishing) {
    if (!others.has(id) && claims.capabilities?.allow_subscribe) others.set(id, new Other(member, claims, token));
    others.get(id)?.know(member);
  }
  byId('empty').hidden = publishing.size > 0 || camera !== undefined;
  say(`${members.length} ${members.length === 1 ? 'participant' : 'participants'}, ${members.filter((m) => m.isPublishing).length} publishing`);
}

const pingEvery = 2500;
const silentAfter = 6000; // ms without an answer, until the socket is given up

/**
 * Hears one socket to its end. Returns whether it brought any news, and why there is
 * nothing more to hear, if that is so.
 */
function hear(claims, token) {
  const socket = new WebSocket(`${claims.events_url}/${claims.topic}`, [token]);
  let last;
  let news = false;
  let heard = performance.now();
  return new Promise((resolve) => {
    const pinging = setInterval(() => {
      if (performance.now() - heard > silentAfter) end(); // closing it would wait for the network, too
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"PING"}');
    }, pingEvery);
    const end = () => {
      clearInterval(pinging);
      socket.onmessage = socket.onclose = null;
      socket.close();
      camera?.rest([]); // nobody could say when one is watched again
      resolve({ news, last });
    };
    socket.onclose = end;
    socket.onmessage = ({ data }) => {
      heard = performance.now();
      const { type, payload } = JSON.parse(data);
      if (type === 'STAGE_STATE') {
        // A server that crashed said nothing, and those who came back first are here.
        const self = payload.participants.find((m) => m.id === claims.jti);
        if (!news && camera?.link.wasLive && !self?.isPublishing) camera.link.end();
        news = true;
        show(payload.participants, claims, token);
      } else if (type === 'LAYER_SELECTED') choose(payload);
      else if (type === 'LAYERS_UNUSED') camera?.rest(payload.labels);
      else if (type === 'GOING_AWAY') reopen();
      else if (type === 'KICKED') last = `You were removed from the stage. ${payload?.detail || payload?.reason || ''}`;
      else if (type === 'STAGE_DELETED') last = 'The stage was deleted.';
    };
  });
}

/** Has all connections made anew: the server goes away, or has forgotten them. */
function reopen() {
  for (const { link } of others.values()) link.end();
  camera?.link.end();
}

/** Notes which layer of somebody flows to us, and why none does. */
function choose({ participantId, kind, label, paused, reason }) {
  const tile = others.get(participantId)?.tile;
  if (!tile || kind !== 'video') return;
  tile.layer = { label, paused, reason };
  tile.note();
}

/** Listens until the server says that there is nothing more to hear. */
async function listen(claims, token) {
  for (let pausing = pauses(); ; ) {
    const heard = await hear(claims, token);
    const last = heard.last ?? (await refusal(claims, token));
    if (last) {
      stopCamera();
      show([], claims, token);
      for (const id of ['camera', 'sound', 'empty']) byId(id).hidden = true;
      return say(last, true);
    }
    say('The connection broke. Coming back …', true);
    if (heard.news) pausing = pauses();
    await wait(pausing.next().value);
  }
}

/** A browser doesn't say why its socket failed; a plain request to the same address does. */
async function refusal(claims, token) {
  try {
    const url = `${claims.events_url.replace(/^ws/, 'http')}/${claims.topic}`;
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(2000) });
    return [401, 403, 404].includes(answer.status) ? (reasonOf(await answer.text()) ?? 'The token is refused.') : undefined;
  } catch {
    return undefined;
  }
}

async function publishCamera(claims, token) {
  if (!navigator.mediaDevices) throw new Error('browsers give cameras to pages from https or localhost only');
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
  const prepare = (connection) => {
    for (const track of stream.getTracks()) {
      const sendEncodings = track.kind === 'video' ? layers.map((l) => ({ ...l })) : undefined;
      const { sender } = connection.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
      const transceiver = connection.getTransceivers().find((t) => t.sender === sender);
      // H.264: every viewer, and every composition, can take it. From afar redundant sound: the
      // next packet brings what was lost before it could be sent again.
      if (track.kind === 'video') prefer('video/H264', track.kind, transceiver);
      else if (isFar()) prefer('audio/red', track.kind, transceiver);
    }
  };
  return new Promise((resolve, reject) => {
    const tile = new Tile('You', stream, true);
    const link = new Link(claims.whip_url, token, prepare, (state, why) => {
      tile.become(state, why);
      if (state === 'live') resolve();
      if (state !== 'refused') return;
      reject(new Error(why));
      if (camera?.link === link) stopCamera();
      say(`The camera is not published: ${why}`, true);
    });
    camera = { link, stream, tile, rest: (labels) => rest(link.connection, labels) };
  });
}

let resting = Promise.resolve();

/** Has a connection leave out the layers that nobody watches, and no others. One change at a time is taken. */
function rest(connection, labels) {
  const change = async () => {
    const sender = connection.getSenders().find(({ track }) => track?.kind === 'video');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = !labels.includes(encoding.rid);
    await sender.setParameters(parameters);
  };
  resting = resting.then(change).catch(() => {}); // closed meanwhile, or it can't: then all go on
}

/** Puts a codec before the others, where there is such a one. */
function prefer(mimeType, kind, transceiver) {
  const { codecs } = RTCRtpSender.getCapabilities(kind);
  transceiver.setCodecPreferences([...codecs].sort((a, b) => (b.mimeType === mimeType) - (a.mimeType === mimeType)));
}

/** Whether the server was slow to answer when this page was asked for: an answer takes a round trip. */
function isFar() {
  const [page] = performance.getEntriesByType('navigation');
  return page !== undefined && page.responseStart - page.requestStart >= 60; // ms
}

function stopCamera() {
  pressed('camera', false, 'Publish my camera');
  if (!camera) return;
  for (const track of camera.stream.getTracks()) track.stop();
  camera.link.close();
  camera.tile.remove();
  camera = undefined;
}

function pressed(id, on, label) {
  byId(id).setAttribute('aria-pressed', String(on));
  byId(id).textContent = label;
}

function start(token) {
  let claims;
  try {
    claims = claimsOf(token);
  } catch {
    return enter('That is no participant token.');
  }
  byId('enter').hidden = true;
  byId('camera').hidden = !claims.capabilities?.allow_publish;
  byId('camera').onclick = async () => {
    if (camera) return stopCamera();
    byId('camera').disabled = true;
    try {
      const published = publishCamera(claims, token);
      published.catch(() => {});
      pressed('camera', true, 'Stop my camera');
      await published;
    } catch (error) {
      stopCamera();
      say(`The camera is not published: ${error.message}`, true);
    }
    byId('camera').disabled = false;
  };
  listen(claims, token);
}

function enter(why) {
  say(why);
  byId('enter').hidden = false;
  byId('sound').hidden = true;
  byId('enter').onsubmit = (event) => {
    event.preventDefault();
    const token = byId('token').value.trim();
    if (location.hash.slice(1) === token) location.reload();
    else location.hash = token;
  };
}

byId('sound').onclick = () => {
  sound = !sound;
  pressed('sound', sound, sound ? 'Turn sound off' : 'Turn sound on');
  for (const { tile } of others.values()) tile.video.muted = !sound;
};

setInterval(() => {
  for (const { tile, link } of others.values()) if (link.connection) tile.measure(link.connection);
  if (camera?.link.connection) camera.tile.measure(camera.link.connection);
}, 1000);

// Another network: what was found on the last one leads nowhere.
addEventListener('online', () => {
  for (const { link } of others.values()) link.restart();
  camera?.link.restart();
});

addEventListener('pagehide', () => {
  for (const other of others.values()) other.close();
  stopCamera();
});

// A link with another token, opened where this page is.
addEventListener('hashchange', () => location.reload());

const given = location.hash.slice(1);
if (given) start(given);
else enter('Paste a participant token to see its stage.');
