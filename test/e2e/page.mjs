// What runs inside the browser: a participant written against the wire alone
// (WHIP, subscribe, events socket), with a picture and a sound that can be
// recognised at the other end. The strips are those of `rostrum publish`.

/** Installed into every page as window.participant. */
export function participant() {
  const crc8 = (bytes) => {
    let crc = 0xff;
    for (const b of bytes) {
      crc ^= b;
      for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
    }
    return crc;
  };
  const claims = (token) => JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));

  /** A canvas of the given colour with a clock strip and a frame strip; 30 pictures a second. */
  function picture({ width = 1280, height = 720, colour = "#c02020", identity = 1, fps = 30 }) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const g = canvas.getContext("2d", { alpha: false });
    const cell = 8 * Math.min(Math.floor(width / 320), Math.floor(height / 176));
    let frame = 0;
    const strip = (row, value) => {
      const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
      bytes.push(crc8(bytes));
      for (let i = 0; i < 40; i++) {
        g.fillStyle = (bytes[i >> 3] >> (7 - (i % 8))) & 1 ? "#fff" : "#000";
        g.fillRect(i * cell, (row * cell) / 2, cell, cell / 2);
      }
    };
    const draw = () => {
      g.fillStyle = colour;
      g.fillRect(0, 0, width, height);
      strip(0, Date.now() >>> 0);
      strip(1, (((frame & 0xffff) << 16) | identity) >>> 0);
      g.fillStyle = "#fff";
      g.fillRect(((frame * 4) % (width - cell * 4)) | 0, height - cell * 4, cell * 4, cell * 4);
      frame++;
    };
    draw();
    const timer = setInterval(draw, 1000 / fps);
    return { track: canvas.captureStream(fps).getVideoTracks()[0], stop: () => clearInterval(timer) };
  }

  const players = [];

  async function tone(hertz) {
    if (HTMLMediaElement.prototype.mozCaptureStream) return playedTone(hertz);
    const audio = new AudioContext();
    const oscillator = new OscillatorNode(audio, { frequency: hertz });
    const out = audio.createMediaStreamDestination();
    oscillator.connect(new GainNode(audio, { gain: 0.2 })).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks()[0];
  }

  /** The same from a file: Firefox's AudioContext stands still on a machine without a sound device. */
  async function playedTone(hertz) {
    const [rate, seconds] = [48_000, 10];
    const samples = Int16Array.from({ length: rate * seconds }, (_, i) => 6_500 * Math.sin((2 * Math.PI * hertz * i) / rate));
    const head = new DataView(new ArrayBuffer(44));
    [..."RIFF____WAVEfmt ____________________data"].forEach((c, i) => head.setUint8(i, c.charCodeAt(0)));
    for (const [at, value] of [[4, 36 + samples.byteLength], [16, 16], [24, rate], [28, 2 * rate], [40, samples.byteLength]]) head.setUint32(at, value, true);
    for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) head.setUint16(at, value, true);
    const player = new Audio(URL.createObjectURL(new Blob([head, samples], { type: "audio/wav" })));
    player.loop = true;
    const stream = player.mozCaptureStream();
    await player.play();
    players.push(player); // what nothing refers to would stop
    return stream.getAudioTracks()[0];
  }

  // A browser reports its round-trip time as a viewer when it may ask for it
  // (RFC 3611, receiver reference time), which only the description can say.
  const askForRoundTrip = (sdp) => sdp.replaceAll(/^a=rtcp-fb:(\d+) transport-cc\r\n/gm, (line, pt) => `${line}a=rtcp-fb:${pt} rrtr\r\n`);

  async function exchange(pc, url, token) {
    const offer = await pc.createOffer();
    await pc.setLocalDescription({ type: "offer", sdp: askForRoundTrip(offer.sdp) });
    const response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(`${response.status} ${body}`);
    await pc.setRemoteDescription({ type: "answer", sdp: body });
    const location = response.headers.get("Location");
    return new URL(location, url).href;
  }

  const lines = (text, pattern) => text.split(/\r?\n/).filter((l) => pattern.test(l));
  const gathered = (pc) =>
    new Promise((resolve) => {
      const look = () => pc.iceGatheringState === "complete" && resolve();
      pc.addEventListener("icegatheringstatechange", look);
      look();
    });

  /** Restarts ICE as RFC 9725 says: a fragment of the offer out, one of the answer back. */
  async function restart({ pc, resource, token }) {
    const before = pc.remoteDescription.sdp;
    pc.restartIce();
    await pc.setLocalDescription();
    await gathered(pc);
    const { sdp } = pc.localDescription;
    const [mid] = lines(sdp, /^a=mid:/);
    const fragment = [lines(sdp, /^a=ice-ufrag:/)[0], lines(sdp, /^a=ice-pwd:/)[0], "m=audio 9 UDP/TLS/RTP/SAVPF 0", mid, ...lines(sdp.split("\nm=")[1], /^a=candidate:/), "a=end-of-candidates", ""];
    const response = await fetch(resource, {
      method: "PATCH",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
      body: fragment.join("\r\n"),
    });
    const theirs = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${theirs}`);
    const [ufrag] = lines(theirs, /^a=ice-ufrag:/);
    const [password] = lines(theirs, /^a=ice-pwd:/);
    const answer = before.replaceAll(/a=ice-ufrag:.*/g, ufrag).replaceAll(/a=ice-pwd:.*/g, password);
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    return { ufrag, etag: response.headers.get("ETag") };
  }

  const connected = (pc) =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (pc.connectionState === "connected") resolve();
        if (pc.connectionState === "failed") reject(new Error("the connection failed"));
      };
      pc.addEventListener("connectionstatechange", look);
      look();
    });

  /** Offers what a stage refuses: a data channel, a second camera, a call in the other direction. */
  const offerMore = (pc) => {
    pc.createDataChannel("chat");
    pc.addTransceiver("audio", { direction: "inactive" });
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("video", { direction: "sendonly" });
  };

  const api = { picture, tone, publications: {}, subscriptions: {}, messages: [], configuration: {} };

  /** Has all connections made from now on go through one of the server's TURN servers. */
  api.relay = async (token, transport) => {
    const response = await fetch(claims(token).whip_url, { method: "OPTIONS", headers: { Authorization: `Bearer ${token}` } });
    const links = [...response.headers.get("Link").matchAll(/<([^>]*)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g)];
    const iceServers = links.map(([, urls, username, credential]) => ({ urls, username, credential })).filter((s) => s.urls.endsWith(`=${transport}`));
    api.configuration = { iceServers, iceTransportPolicy: "relay" };
    return iceServers.map((s) => s.urls);
  };

  api.publish = async (token, { codec = "H264", simulcast = false, scalabilityMode, redundant = false, more = false, ...look } = {}) => {
    const pc = new RTCPeerConnection(api.configuration);
    const source = picture(look);
    const audio = await tone(200 + 100 * (look.identity ?? 1));
    const sound = pc.addTransceiver(audio, { direction: "sendonly" });
    if (redundant) sound.setCodecPreferences(RTCRtpSender.getCapabilities("audio").codecs.toSorted((a, b) => (b.mimeType === "audio/red") - (a.mimeType === "audio/red")));
    const video = pc.addTransceiver(source.track, {
      direction: "sendonly",
      sendEncodings: simulcast
        ? [
            { rid: "hi", maxBitrate: 1_700_000 },
            { rid: "mid", scaleResolutionDownBy: 2, maxBitrate: 700_000 },
            { rid: "low", scaleResolutionDownBy: 4, maxBitrate: 200_000 },
          ]
        : [{ maxBitrate: 2_500_000, ...(scalabilityMode && { scalabilityMode }) }],
    });
    const all = RTCRtpSender.getCapabilities("video").codecs;
    video.setCodecPreferences([...all.filter((c) => c.mimeType === `video/${codec}`), ...all.filter((c) => /rtx/.test(c.mimeType))]);
    if (more) offerMore(pc);
    const resource = await exchange(pc, claims(token).whip_url, token);
    await connected(pc);
    const id = claims(token).jti;
    api.publications[id] = { pc, source, resource, token, audio };
    return { id, resource };
  };

  api.unpublish = async (id) => {
    const p = api.publications[id];
    p.source.stop();
    p.pc.close();
    return (await fetch(p.resource, { method: "DELETE", headers: { Authorization: `Bearer ${p.token}` } })).status;
  };

  api.subscribe = async (token, id, more = false) => {
    const started = performance.now();
    const pc = new RTCPeerConnection(api.configuration);
    const stream = new MediaStream();
    pc.addEventListener("track", (e) => stream.addTrack(e.track));
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addTransceiver("video", { direction: "recvonly" });
    if (more) offerMore(pc);
    const resource = await exchange(pc, `${claims(token).whip_url}/subscribe/${id}`, token);
    await connected(pc);
    const video = Object.assign(document.createElement("video"), { autoplay: true, playsInline: true, srcObject: stream });
    video.style.width = "480px";
    document.body.append(video);
    api.subscriptions[id] = { pc, video, resource, token };
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    return { resource, firstPicture: performance.now() - started };
  };

  api.restartPublication = (id) => restart(api.publications[id]);
  api.restartSubscription = (id) => restart(api.subscriptions[id]);

  api.layer = async (id, choice) => {
    const s = api.subscriptions[id];
    const response = await fetch(`${s.resource}/layer`, {
      method: "POST",
      headers: { Authorization: `Bearer ${s.token}`, "Content-Type": "application/json" },
      body: JSON.stringify(choice),
    });
    return { status: response.status, body: await response.json().catch(() => null) };
  };

  /** What a picture says: size, colour of its middle, and the strips if they can be read. */
  api.read = (video, part) => {
    const width = part ? 640 : video.videoWidth;
    const height = part ? 360 : video.videoHeight;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const g = canvas.getContext("2d", { alpha: false });
    if (part) g.drawImage(video, part.x, part.y, part.width, part.height, 0, 0, width, height);
    else g.drawImage(video, 0, 0);
    const now = Date.now();
    const cell = width / 40 >= 8 ? 8 * Math.min(Math.floor(width / 320), Math.floor(height / 176)) || width / 40 : width / 40;
    const luma = (x, y) => {
      const [r, gr, b] = g.getImageData(x, y, 1, 1).data;
      return 0.2126 * r + 0.7152 * gr + 0.0722 * b;
    };
    const strip = (row) => {
      const bytes = [0, 0, 0, 0, 0];
      for (let i = 0; i < 40; i++) if (luma((i + 0.5) * cell, ((row + 0.5) * cell) / 2) > 128) bytes[i >> 3] |= 0x80 >> i % 8;
      return crc8(bytes.slice(0, 4)) === bytes[4] ? ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0 : null;
    };
    const clock = strip(0);
    const frame = strip(1);
    return {
      width,
      height,
      colour: [...g.getImageData(width - 8, height * 0.7, 1, 1).data.slice(0, 3)],
      latency: clock === null ? null : ((now >>> 0) - clock) | 0,
      frame: frame === null ? null : frame >>> 16,
      identity: frame === null ? null : frame & 0xffff,
    };
  };
  api.look = (id) => api.read(api.subscriptions[id].video);

  /** The inbound or outbound RTP statistics of a connection, by kind and rid. */
  api.stats = async (pc) => {
    const all = [...(await pc.getStats()).values()];
    return all.filter((s) => /(in|out)bound-rtp|candidate|transport|remote-outbound-rtp|codec/.test(s.type));
  };
  api.received = async (id) => api.stats(api.subscriptions[id].pc);
  api.sent = async (id) => api.stats(api.publications[id].pc);

  /** The own end of the way that a participant's media take; the statistics know it a moment after the connection does. */
  api.way = async (id) => {
    const all = await api.stats((api.subscriptions[id] ?? api.publications[id]).pc);
    const transport = all.find((s) => s.type === "transport");
    const pair = all.find((s) => s.id === transport?.selectedCandidatePairId);
    return all.find((s) => s.id === pair?.localCandidateId);
  };

  api.events = (token) =>
    new Promise((resolve, reject) => {
      const c = claims(token);
      const socket = new WebSocket(`${c.events_url}/${c.topic}`, [token]);
      api.socket = socket;
      socket.onmessage = (e) => {
        const m = JSON.parse(e.data);
        api.messages.push(m);
        if (m.type === "STAGE_STATE") resolve(m.payload);
      };
      socket.onclose = (e) => {
        api.messages.push({ type: "CLOSED", code: e.code, reason: e.reason });
        reject(new Error(`closed: ${e.code} ${e.reason}`));
      };
    });

  /** Opens a connection with a connection token and attaches each stage of { name: participant token }. */
  api.connect = (token, stages) =>
    new Promise((resolve, reject) => {
      const attached = new Set();
      const socket = new WebSocket(claims(token).events_url, [token]);
      api.socket = socket;
      socket.onopen = () => Object.entries(stages).forEach(([attachment, participant]) => socket.send(JSON.stringify({ type: "ATTACH", attachment, payload: { token: participant } })));
      socket.onmessage = (e) => {
        const m = JSON.parse(e.data);
        api.messages.push({ ...m, at: Date.now() });
        if (m.type === "ATTACHED") attached.add(m.attachment);
        if (attached.size === Object.keys(stages).length) resolve();
      };
      socket.onclose = (e) => {
        api.messages.push({ type: "CLOSED", code: e.code, reason: e.reason, at: Date.now() });
        reject(new Error(`closed: ${e.code} ${e.reason}`));
      };
    });

  window.participant = api;
}
