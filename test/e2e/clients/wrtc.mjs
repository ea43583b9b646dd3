// @roamhq/wrtc: libwebrtc as Node.js has it, without H.264.
import wrtc from "@roamhq/wrtc";

import { exchange, publishes, say } from "./client.mjs";

const { RTCPeerConnection, nonstandard } = wrtc;
const { RTCVideoSource, RTCVideoSink, RTCAudioSource, RTCAudioSink } = nonstandard;
const WIDTH = 640;
const HEIGHT = 360;
const RATE = 48000;
const peer = new RTCPeerConnection();
peer.onconnectionstatechange = () => say({ state: peer.connectionState });

function play() {
  const video = new RTCVideoSource();
  const audio = new RTCAudioSource();
  peer.addTransceiver(audio.createTrack(), { direction: "sendonly" });
  peer.addTransceiver(video.createTrack(), { direction: "sendonly" });
  const pixels = WIDTH * HEIGHT;
  const data = new Uint8ClampedArray(pixels * 1.5);
  data.fill(41, 0, pixels).fill(240, pixels, pixels * 1.25).fill(110, pixels * 1.25); // blue, BT.601
  setInterval(() => video.onFrame({ width: WIDTH, height: HEIGHT, data }), 1000 / 30);
  let at = 0;
  setInterval(() => {
    const samples = Int16Array.from({ length: RATE / 100 }, () => 8000 * Math.sin((2 * Math.PI * 440 * at++) / RATE));
    audio.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: RATE / 100 });
  }, 10);
}

function watch() {
  let pictures = 0;
  let sounds = 0;
  peer.ontrack = ({ track }) => {
    if (track.kind === "video") {
      new RTCVideoSink(track).onframe = ({ frame: { width, height, data } }) => {
        const at = Math.floor(height * 0.7);
        const chroma = Math.floor(at / 2) * Math.floor(width / 2) + Math.floor(width / 2) - 4;
        const [y, u, v] = [data[at * width + width - 8], data[width * height + chroma], data[width * height * 1.25 + chroma]];
        say({ event: "picture", count: ++pictures, colour: rgb(y, u, v) });
      };
    } else {
      new RTCAudioSink(track).ondata = ({ samples }) => {
        const rms = Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);
        if (++sounds % 10 === 0) say({ event: "sound", count: sounds, rms: Math.round(rms) });
      };
    }
  };
  peer.addTransceiver("audio", { direction: "recvonly" });
  peer.addTransceiver("video", { direction: "recvonly" });
}

const rgb = (y, u, v) => [1.164 * (y - 16) + 1.596 * (v - 128), 1.164 * (y - 16) - 0.392 * (u - 128) - 0.813 * (v - 128), 1.164 * (y - 16) + 2.017 * (u - 128)].map((c) => Math.max(0, Math.min(255, Math.round(c))));

if (publishes) play();
else watch();
await peer.setLocalDescription(await peer.createOffer());
await peer.setRemoteDescription({ type: "answer", sdp: await exchange(peer.localDescription.sdp, () => peer.close()) });
