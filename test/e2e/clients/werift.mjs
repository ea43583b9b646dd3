// werift, a WebRTC stack in TypeScript with its own DTLS, SRTP and ICE.
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from "werift";

import { codec, exchange, publishes, say, sink, source } from "./client.mjs";

const peer = new RTCPeerConnection({
  iceServers: [],
  codecs: {
    video: [
      new RTCRtpCodecParameters({
        mimeType: `video/${codec}`,
        clockRate: 90000,
        payloadType: 102,
        rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }],
        parameters: codec === "H264" ? "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1" : undefined,
      }),
    ],
    audio: [new RTCRtpCodecParameters({ mimeType: "audio/opus", clockRate: 48000, channels: 2, payloadType: 111 })],
  },
});
peer.connectionStateChange.subscribe((state) => say({ state }));
const tracks = {};
for (const [kind, type] of [["video", 102], ["audio", 111]]) {
  if (publishes) {
    tracks[kind] = new MediaStreamTrack({ kind });
    peer.addTransceiver(tracks[kind], { direction: "sendonly" });
    continue;
  }
  const show = await sink(kind, type);
  const transceiver = peer.addTransceiver(kind, { direction: "recvonly" });
  transceiver.onTrack.subscribe((track) => track.onReceiveRtp.subscribe((packet) => show(packet.serialize())));
}
await peer.setLocalDescription(await peer.createOffer());
await peer.setRemoteDescription({ type: "answer", sdp: await exchange(peer.localDescription.sdp, () => peer.close()) });
if (publishes) await source((packet) => tracks.video.writeRtp(packet), (packet) => tracks.audio.writeRtp(packet));
