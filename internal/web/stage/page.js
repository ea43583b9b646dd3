// @ts-check
// The stage page, for the holder of a participant token: it shows everyone who
// publishes, and publishes a camera. docs/protocol.md describes what it sends.

import { MediaConnection, pauses, wait } from './connection.js';
import { refusal, runSocket } from './events.js';
import { Requests } from './requests.js';
import { byId, Tile } from './tile.js';
import { Server } from './wire.js';

/** @typedef {import('../../../web/sdk/src/wire.ts').Participant} Participant */
/** @typedef {import('../../../web/sdk/src/wire.ts').LayerSelected} LayerSelected */
/** @typedef {import('./events.js').Claims} Claims */

/** The simulcast layers of a camera, the best first. */
const layers = [
  { rid: 'hi', maxBitrate: 2_000_000 },
  { rid: 'mid', scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: 'low', scaleResolutionDownBy: 4, maxBitrate: 200_000 },
];

/**
 * Reads the claims of a token. The server verifies it.
 * @param {string} token
 * @returns {Claims}
 */
function claimsOf(token) {
  const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Another participant who publishes, received until closed. */
class RemoteParticipant {
  /**
   * @param {Participant} participant
   * @param {Claims} claims
   * @param {string} token
   */
  constructor(participant, claims, token) {
    const stream = new MediaStream();
    this.tile = new Tile(nameOf(participant), stream, false);
    this.tile.video.muted = !audible;
    const prepare = (/** @type {RTCPeerConnection} */ peer) => {
      peer.addTransceiver('video', { direction: 'recvonly' });
      peer.addTransceiver('audio', { direction: 'recvonly' });
      peer.ontrack = ({ track }) => {
        for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
        stream.addTrack(track);
      };
    };
    this.connection = new MediaConnection(serverOf(claims, token), participant.id, prepare, (state, reason) => this.tile.setState(state, reason));
  }

  update(/** @type {Participant} */ participant) {
    this.tile.participant = participant;
    this.tile.rename(nameOf(participant));
    this.tile.showNote();
  }

  close() {
    this.connection.close();
    this.tile.remove();
  }
}

const requests = new Requests();

/**
 * Tells media connections how to reach the server.
 * @param {Claims} claims
 * @param {string} token
 */
const serverOf = (claims, token) => ({ requests, whipUrl: claims.whip_url, token });

function nameOf(/** @type {Participant} */ participant) {
  return participant.attributes?.name || participant.userId || participant.id;
}

function showStatus(/** @type {string} */ text, trouble = false) {
  byId('state').textContent = text;
  byId('state').classList.toggle('trouble', trouble);
}

/** @type {Map<string, RemoteParticipant>} */
const remotes = new Map(); // by participant id
let audible = false;
/** @type {{ connection: MediaConnection, stream: MediaStream, tile: Tile } | undefined} */
let camera; // while published

/**
 * Shows the stage as the server describes it.
 * @param {Participant[]} participants
 * @param {Claims} claims
 * @param {string} token
 */
function showStage(participants, claims, token) {
  const publishing = new Map(participants.filter((p) => p.isPublishing && p.id !== claims.jti).map((p) => [p.id, p]));
  for (const [id, remote] of remotes) {
    if (!publishing.has(id)) {
      remote.close();
      remotes.delete(id);
    }
  }
  for (const [id, participant] of publishing) {
    if (!remotes.has(id) && claims.capabilities?.allow_subscribe) remotes.set(id, new RemoteParticipant(participant, claims, token));
    remotes.get(id)?.update(participant);
  }
  byId('empty').hidden = publishing.size > 0 || camera !== undefined;
  showStatus(`${participants.length} ${participants.length === 1 ? 'participant' : 'participants'}, ${participants.filter((p) => p.isPublishing).length} publishing`);
}

/** Reconnects all media: the server stops, or has lost the connections. */
function reconnect() {
  for (const { connection } of remotes.values()) connection.end();
  camera?.connection.end();
}

/** Shows which layer of a publisher is received, or why none is. */
function showLayer(/** @type {LayerSelected} */ { participantId, kind, label, paused, reason }) {
  const tile = remotes.get(participantId)?.tile;
  if (!tile || kind !== 'video') return;
  tile.layer = { label, paused, reason };
  tile.showNote();
}

/**
 * Follows the stage until the server says that there is no point in another attempt.
 * @param {Claims} claims
 * @param {string} token
 */
async function follow(claims, token) {
  for (let pausing = pauses(); ; ) {
    let known = false; // this socket has brought the stage's state
    const ended = await runSocket(claims, token, requests, (message) => {
      switch (message.type) {
        case Server.StageState: {
          // A server that crashed has forgotten the camera, without a message that says so.
          const self = message.payload.participants.find((p) => p.id === claims.jti);
          if (!known && camera?.connection.wasLive && !self?.isPublishing) camera.connection.end();
          known = true;
          return showStage(message.payload.participants, claims, token);
        }
        case Server.LayerSelected:
          return showLayer(message.payload);
        case Server.LayersUnused:
          return pauseLayers(message.payload.labels);
        case Server.GoingAway:
          return reconnect();
      }
    });
    pauseLayers([]); // without a socket nobody says when one is watched again
    const final = ended ?? (await refusal(claims, token));
    if (final) {
      stopCamera();
      showStage([], claims, token);
      for (const id of ['camera', 'sound', 'empty']) byId(id).hidden = true;
      return showStatus(final, true);
    }
    showStatus('The connection broke. Coming back …', true);
    if (known) pausing = pauses();
    await wait(pausing.next().value);
  }
}

/**
 * Publishes a camera. It returns once the media flows.
 * @param {Claims} claims
 * @param {string} token
 * @returns {Promise<void>}
 */
async function publishCamera(claims, token) {
  if (!navigator.mediaDevices) throw new Error('browsers give cameras to pages from https or localhost only');
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
  const prepare = (/** @type {RTCPeerConnection} */ peer) => {
    for (const track of stream.getTracks()) {
      const sendEncodings = track.kind === 'video' ? layers.map((l) => ({ ...l })) : undefined;
      const { sender } = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
      const transceiver = peer.getTransceivers().find((t) => t.sender === sender);
      // All viewers and compositions decode H.264. On a long round trip redundant audio
      // (RFC 2198) repairs a loss before a retransmission could.
      if (track.kind === 'video') preferCodec('video/H264', track.kind, transceiver);
      else if (isFar()) preferCodec('audio/red', track.kind, transceiver);
    }
  };
  return new Promise((resolve, reject) => {
    const tile = new Tile('You', stream, true);
    const connection = new MediaConnection(serverOf(claims, token), undefined, prepare, (state, reason) => {
      tile.setState(state, reason);
      if (state === 'live') resolve();
      if (state !== 'refused') return;
      reject(new Error(reason));
      if (camera?.connection === connection) stopCamera();
      showStatus(`The camera is not published: ${reason}`, true);
    });
    camera = { connection, stream, tile };
  });
}

/** @type {Promise<void>} */
let layerChange = Promise.resolve();

/** Has the camera leave out the layers with these labels, and no others. Browsers take one change at a time. */
function pauseLayers(/** @type {string[]} */ labels) {
  const peer = camera?.connection.peer;
  if (!peer) return;
  const change = async () => {
    const sender = peer.getSenders().find(({ track }) => track?.kind === 'video');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = !labels.includes(encoding.rid);
    await sender.setParameters(parameters);
  };
  layerChange = layerChange.then(change).catch(() => {}); // closed meanwhile, or not supported: then all layers are sent
}

/**
 * Puts a codec before the others, if the browser has it.
 * @param {string} mimeType
 * @param {string} kind
 * @param {RTCRtpTransceiver} transceiver
 */
function preferCodec(mimeType, kind, transceiver) {
  const { codecs } = RTCRtpSender.getCapabilities(kind);
  transceiver.setCodecPreferences([...codecs].sort((a, b) => Number(b.mimeType === mimeType) - Number(a.mimeType === mimeType)));
}

/** Tells whether the round trip to the server is long: the time until the answer to this page's request. */
function isFar() {
  const [page] = performance.getEntriesByType('navigation');
  return page instanceof PerformanceNavigationTiming && page.responseStart - page.requestStart >= 60; // ms
}

function stopCamera() {
  setPressed('camera', false, 'Publish my camera');
  if (!camera) return;
  for (const track of camera.stream.getTracks()) track.stop();
  camera.connection.close();
  camera.tile.remove();
  camera = undefined;
}

/**
 * Shows the state of a button.
 * @param {string} id
 * @param {boolean} pressed
 * @param {string} label
 */
function setPressed(id, pressed, label) {
  byId(id).setAttribute('aria-pressed', String(pressed));
  byId(id).textContent = label;
}

/** Opens the stage of a token. */
function start(/** @type {string} */ token) {
  /** @type {Claims} */
  let claims;
  try {
    claims = claimsOf(token);
  } catch {
    return askForToken('That is no participant token.');
  }
  byId('enter').hidden = true;
  const button = byId('camera', HTMLButtonElement);
  button.hidden = !claims.capabilities?.allow_publish;
  button.onclick = async () => {
    if (camera) return stopCamera();
    button.disabled = true;
    try {
      const published = publishCamera(claims, token);
      published.catch(() => {});
      setPressed('camera', true, 'Stop my camera');
      await published;
    } catch (error) {
      stopCamera();
      showStatus(`The camera is not published: ${error.message}`, true);
    }
    button.disabled = false;
  };
  follow(claims, token);
}

/** Shows the form for a token, and why it is needed. */
function askForToken(/** @type {string} */ why) {
  showStatus(why);
  byId('enter').hidden = false;
  byId('sound').hidden = true;
  byId('enter').onsubmit = (event) => {
    event.preventDefault();
    const token = byId('token', HTMLTextAreaElement).value.trim();
    if (location.hash.slice(1) === token) location.reload();
    else location.hash = token;
  };
}

byId('sound').onclick = () => {
  audible = !audible;
  setPressed('sound', audible, audible ? 'Turn sound off' : 'Turn sound on');
  for (const { tile } of remotes.values()) tile.video.muted = !audible;
};

setInterval(() => {
  for (const { tile, connection } of remotes.values()) tile.measure(connection.peer);
  camera?.tile.measure(camera.connection.peer);
}, 1000);

// On another network the old candidates lead nowhere.
addEventListener('online', () => {
  for (const { connection } of remotes.values()) connection.restart();
  camera?.connection.restart();
});

addEventListener('pagehide', () => {
  requests.use(undefined); // it may not send any more, while fetch does
  for (const remote of remotes.values()) remote.close();
  stopCamera();
});

// A URL with another token, opened where this page is.
addEventListener('hashchange', () => location.reload());

const given = location.hash.slice(1);
if (given) start(given);
else askForToken('Paste a participant token to see its stage.');
