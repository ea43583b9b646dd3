// The page of a stage, for the holder of a participant token: it listens to the
// events socket, receives everyone who publishes, and publishes a camera when
// asked to. What it says to the server is told in docs/protocol.md.

const byId = (id) => document.getElementById(id);
/** Waits about that long: not all pages of a stage that lost its server are to come back at once. */
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));

const firstPause = 250; // ms between attempts, doubled each time up to
const lastPause = 8000;

/** Reads what a token says. Whether it is good is for the server to tell. */
function claimsOf(token) {
  const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The TURN servers that an answer recommends (RFC 9725 §4.6). Those of STUN are of no use: the server probes nobody. */
function relaysOf(header) {
  const links = (header ?? '').matchAll(/<(turns?:[^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g);
  return [...links].map(([, urls, username, credential]) => ({ urls, username, credential }));
}

const lineOf = (sdp, name) => sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0].trim();

/** An offer's way to the server: WHIP and WHEP differ in the address alone. */
class Link {
  constructor(url, token) {
    this.url = url;
    this.headers = { Authorization: `Bearer ${token}` };
    this.connection = new RTCPeerConnection();
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.connection.onconnectionstatechange = () => this.changed(this.connection.connectionState);
  }

  async open() {
    const began = performance.now();
    await this.connection.setLocalDescription();
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { ...this.headers, 'Content-Type': 'application/sdp' },
      body: this.connection.localDescription.sdp,
    });
    const body = await answer.text();
    if (answer.status !== 201) throw new Error(reasonOf(body) ?? `the server answered ${answer.status}`);
    this.resource = new URL(answer.headers.get('Location'), this.url);
    this.relays = relaysOf(answer.headers.get('Link'));
    await this.connection.setRemoteDescription({ type: 'answer', sdp: body });
    // A direct path that works is found by then; the server's TURN is tried beside it.
    this.patience = setTimeout(() => this.connection.connectionState !== 'connected' && this.restart(), 500 + 2 * (performance.now() - began));
  }

  changed(state) {
    if (state === 'connected') this.wasConnected = true;
    else if (state === 'disconnected') this.restart();
    else if (state === 'failed' || state === 'closed') this.end();
  }

  /** Looks for another path, through the server's TURN if need be (RFC 9725 §4.3.3), until there is one. */
  async restart() {
    if (this.restarting || !this.resource) return;
    this.restarting = true;
    const { connection } = this;
    connection.setConfiguration({ iceServers: this.relays });
    for (let pause = firstPause; this.resource; pause = Math.min(2 * pause, lastPause)) {
      try {
        connection.restartIce();
        await connection.setLocalDescription();
        const { sdp } = connection.localDescription;
        const fragment = [lineOf(sdp, 'ice-ufrag'), lineOf(sdp, 'ice-pwd'), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', lineOf(sdp, 'mid'), ''].join('\r\n');
        const answer = await fetch(this.resource, {
          method: 'PATCH',
          headers: { ...this.headers, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' },
          body: fragment,
          signal: AbortSignal.timeout(8000),
        });
        const theirs = await answer.text();
        if (answer.status === 200) {
          const before = connection.currentRemoteDescription.sdp;
          const after = before.replaceAll(/^a=ice-ufrag:.*$/gm, lineOf(theirs, 'ice-ufrag')).replaceAll(/^a=ice-pwd:.*$/gm, lineOf(theirs, 'ice-pwd'));
          await connection.setRemoteDescription({ type: 'answer', sdp: after });
          break;
        }
        if (answer.status >= 400 && answer.status < 500) {
          this.end(); // the server was restarted, or has ended it: it knows no such connection
          break;
        }
      } catch {
        // The network is still away, or the connection was closed meanwhile.
      }
      await wait(pause);
    }
    this.restarting = false;
  }

  close() {
    const { connection, resource } = this;
    clearTimeout(this.patience);
    this.end();
    if (!resource) return connection.close();
    this.resource = undefined;
    // It ends by itself in a while if this does not arrive.
    fetch(resource, { method: 'DELETE', headers: this.headers, keepalive: true })
      .catch(() => {})
      .finally(() => connection.close());
  }
}

/** The server's problem documents (RFC 9457) say why in detail. */
function reasonOf(body) {
  try {
    const problem = JSON.parse(body);
    return problem.detail ?? problem.title;
  } catch {
    return undefined;
  }
}

/** One participant's picture, and what is known of how it comes. */
class Tile {
  constructor(name, stream, own) {
    this.element = byId('tile').content.firstElementChild.cloneNode(true);
    this.video = this.element.querySelector('video');
    this.figures = this.element.querySelector('.figures');
    this.element.classList.toggle('own', own);
    this.own = own;
    this.video.muted = own || !sound;
    this.video.srcObject = stream;
    this.rename(name);
    byId('tiles').append(this.element);
  }

  rename(name) {
    this.element.querySelector('.name').textContent = name;
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }

  /** Tells size, pictures a second and bit rate since the last call. */
  async measure(connection) {
    for (const report of (await connection.getStats()).values()) {
      if (report.kind !== 'video' || (report.type !== 'inbound-rtp' && report.type !== 'outbound-rtp')) continue;
      const bytes = report.bytesReceived ?? report.bytesSent;
      const seconds = (report.timestamp - (this.before?.at ?? report.timestamp)) / 1000;
      const rate = seconds > 0 ? (8 * (bytes - this.before.bytes)) / seconds / 1e6 : 0;
      this.before = { at: report.timestamp, bytes };
      if (report.frameWidth) {
        this.figures.textContent = `${report.frameWidth}×${report.frameHeight} · ${report.framesPerSecond ?? 0} fps · ${rate.toFixed(1)} Mbit/s`;
      }
    }
  }
}

/** Someone else who publishes. Receives them until closed, over again if the way breaks. */
class Other {
  constructor(member, claims, token) {
    this.stream = new MediaStream();
    this.tile = new Tile(nameOf(member), this.stream, false);
    this.open = true;
    this.receive(`${claims.whip_url}/subscribe/${encodeURIComponent(member.id)}`, token);
  }

  async receive(url, token) {
    for (let pause = firstPause; this.open; pause = Math.min(2 * pause, lastPause)) {
      const link = (this.link = new Link(url, token));
      link.connection.addTransceiver('video', { direction: 'recvonly' });
      link.connection.addTransceiver('audio', { direction: 'recvonly' });
      link.connection.ontrack = ({ track }) => {
        for (const old of this.stream.getTracks()) if (old.kind === track.kind) this.stream.removeTrack(old);
        this.stream.addTrack(track);
      };
      try {
        await link.open();
        await link.ended;
        if (link.wasConnected) pause = firstPause;
      } catch (error) {
        this.tile.figures.textContent = error.message;
      }
      link.close();
      if (this.open) await wait(pause);
    }
  }

  close() {
    this.open = false;
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

/** Has all connections made anew: the server goes away, or has forgotten them. */
function reopen() {
  for (const { link } of others.values()) link.end();
  camera?.link.end();
}

function show(members, claims, token) {
  const publishing = new Map(members.filter((m) => m.isPublishing && m.id !== claims.jti).map((m) => [m.id, m]));
  for (const [id, other] of others) {
    if (!publishing.has(id)) {
      other.close();
      others.delete(id);
    }
  }
  for (const [id, member] of publishing) {
    if (others.has(id)) others.get(id).tile.rename(nameOf(member));
    else if (claims.capabilities?.allow_subscribe) others.set(id, new Other(member, claims, token));
  }
  byId('empty').hidden = publishing.size > 0 || camera !== undefined;
  say(`${members.length} ${members.length === 1 ? 'participant' : 'participants'}, ${members.filter((m) => m.isPublishing).length} publishing`);
}

/** Listens until the server says that there is nothing more to hear. */
async function listen(claims, token) {
  for (let pause = firstPause; ; pause = Math.min(2 * pause, lastPause)) {
    const socket = new WebSocket(`${claims.events_url}/${claims.topic}`, [token]);
    let last; // why there is nothing more to hear
    let news = false;
    const pinging = setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('{"type":"PING"}'), 15000);
    await new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        const { type, payload } = JSON.parse(data);
        if (type === 'STAGE_STATE') {
          pause = firstPause;
          // A server that crashed said nothing, and those who came back first are here.
          const self = payload.participants.find((m) => m.id === claims.jti);
          if (!news && camera?.link.wasConnected && !self?.isPublishing) camera.link.end();
          news = true;
          show(payload.participants, claims, token);
        } else if (type === 'GOING_AWAY') reopen();
        else if (type === 'KICKED') last = `You were removed from the stage. ${payload?.reason ?? ''}`;
        else if (type === 'STAGE_DELETED') last = 'The stage was deleted.';
      };
      socket.onclose = resolve;
    });
    clearInterval(pinging);
    last ??= await refusal(claims, token);
    if (last) {
      if (camera) stopCamera();
      show([], claims, token);
      return say(last, true);
    }
    say('The connection broke. Coming back …', true);
    await wait(pause);
  }
}

/** A browser doesn't say why its socket failed; a plain request to the same address does. */
async function refusal(claims, token) {
  try {
    const url = `${claims.events_url.replace(/^ws/, 'http')}/${claims.topic}`;
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
    return [401, 403, 404].includes(answer.status) ? (reasonOf(await answer.text()) ?? 'The token is refused.') : undefined;
  } catch {
    return undefined;
  }
}

async function publishCamera(claims, token) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
  camera = { stream, tile: new Tile('You', stream, true) };
  await openCamera(claims, token);
  keepCamera(camera, claims, token);
}

async function openCamera(claims, token) {
  const { stream } = camera;
  const link = (camera.link = new Link(claims.whip_url, token));
  for (const track of stream.getTracks()) link.connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
  const video = link.connection.getTransceivers().find((t) => t.sender.track.kind === 'video');
  // H.264 first: every viewer, and every composition, can take it.
  const codecs = RTCRtpSender.getCapabilities('video').codecs;
  video?.setCodecPreferences([...codecs].sort((a, b) => (b.mimeType === 'video/H264') - (a.mimeType === 'video/H264')));
  await link.open();
}

/** Publishes over again whenever the way breaks, until the camera is stopped or refused. */
async function keepCamera(kept, claims, token) {
  for (let pause = firstPause; ; pause = Math.min(2 * pause, lastPause)) {
    await kept.link.ended;
    if (camera !== kept) return;
    if (kept.link.wasConnected) pause = firstPause;
    kept.link.close();
    await wait(pause);
    if (camera !== kept) return;
    try {
      await openCamera(claims, token);
    } catch (error) {
      kept.link.end(); // and once more; who was removed is told so by the socket
      kept.tile.figures.textContent = error.message;
    }
  }
}

function stopCamera() {
  const { link, stream, tile } = camera;
  camera = undefined;
  for (const track of stream.getTracks()) track.stop();
  link?.close();
  tile.remove();
  pressed('camera', false, 'Publish my camera');
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
    byId('camera').disabled = true;
    try {
      if (camera) stopCamera();
      else {
        await publishCamera(claims, token);
        pressed('camera', true, 'Stop my camera');
      }
    } catch (error) {
      if (camera) stopCamera();
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
    location.hash = byId('token').value.trim();
    location.reload();
  };
}

byId('sound').onclick = () => {
  sound = !sound;
  pressed('sound', sound, sound ? 'Turn sound off' : 'Turn sound on');
  for (const { tile } of others.values()) tile.video.muted = !sound;
};

setInterval(() => {
  for (const { tile, link } of others.values()) tile.measure(link.connection);
  if (camera?.link) camera.tile.measure(camera.link.connection);
}, 1000);

// Another network: what was found on the last one leads nowhere.
addEventListener('online', () => {
  for (const { link } of others.values()) link.restart();
  camera?.link?.restart();
});

addEventListener('pagehide', () => {
  for (const other of others.values()) other.close();
  if (camera) stopCamera();
});

const given = location.hash.slice(1);
if (given) start(given);
else enter('Paste a participant token to see its stage.');
