// Measures in Chromium, for test/netem, how long after a click the first picture is on the
// screen. The page is loaded, so that its connection to the server is warm. Each line of
// JSON on stdin is one click; each is answered with one line of times in milliseconds.
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

/** Runs in the page. Times are since the click, -1 for what did not come. */
async function click({ url, token, publish, codec, limit }) {
  const camera = publish ? await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } }) : undefined;
  const began = performance.now();
  const since = (at = performance.now()) => Math.round(at - began);
  const times = { answer: -1, ice: -1, dtls: -1, first: -1 };
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const authorization = `Bearer ${token}`;
  let pending = () => {};
  const first = new Promise((resolve) => (pending = resolve));
  if (camera) {
    connection.addTransceiver(camera.getVideoTracks()[0], { direction: "sendonly", streams: [camera] });
  } else {
    const video = document.createElement("video");
    Object.assign(video, { autoplay: true, muted: true, playsInline: true });
    document.body.replaceChildren(video);
    video.requestVideoFrameCallback((_, frame) => pending(since(frame.presentationTime)));
    const stream = new MediaStream();
    video.srcObject = stream;
    connection.ontrack = ({ track }) => stream.addTrack(track);
    for (const kind of ["video", "audio"]) connection.addTransceiver(kind, { direction: "recvonly" });
    if (codec) {
      const { codecs } = RTCRtpReceiver.getCapabilities("video");
      connection.getTransceivers()[0].setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === `video/${codec}`));
    }
  }
  connection.oniceconnectionstatechange = () => {
    if (connection.iceConnectionState === "connected" && times.ice < 0) times.ice = since();
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === "connected" && times.dtls < 0) times.dtls = since();
  };
  await connection.setLocalDescription();
  const response = await fetch(url, { method: "POST", headers: { authorization, "content-type": "application/sdp" }, body: connection.localDescription.sdp });
  const sdp = await response.text();
  times.answer = since();
  if (response.status !== 201) throw new Error(`${response.status}: ${sdp}`);
  await connection.setRemoteDescription({ type: "answer", sdp });
  let watching = true;
  if (camera)
    (async () => {
      for (let handshake = 0; watching; await new Promise((resolve) => setTimeout(resolve, 10))) {
        const transport = [...(await connection.getStats()).values()].find((s) => s.type === "transport");
        // Until then no answer to media can be here, only the rest of the handshake.
        const early = times.dtls < 0 || since() < times.dtls + 0.9 * (times.ice - times.answer);
        if (early) handshake = transport?.packetsReceived ?? 0;
        else if (transport.packetsReceived > handshake) pending(since()); // feedback about media that arrived
      }
    })();
  times.first = await Promise.race([first, new Promise((resolve) => setTimeout(resolve, limit, -1))]);
  for (let n = 0; times.dtls < 0 && n < 100; n++) await new Promise((resolve) => setTimeout(resolve, 10)); // the event may come after the picture
  watching = false;
  const transport = [...(await connection.getStats()).values()].find((s) => s.type === "transport");
  times.secured = `${transport.tlsVersion} ${transport.srtpCipher} ${transport.dtlsRole}`;
  connection.close();
  camera?.getTracks().forEach((track) => track.stop());
  await fetch(new URL(response.headers.get("location"), url), { method: "DELETE", headers: { authorization } });
  return times;
}

const [origin, ...flags] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30",
    `--unsafely-treat-insecure-origin-as-secure=${origin}`, // a camera needs a secure context
    ...flags,
  ],
});
const page = await browser.newPage();
await page.goto(`${origin}/stage/`);
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await page.evaluate(click, JSON.parse(line)).catch((error) => ({ fault: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
