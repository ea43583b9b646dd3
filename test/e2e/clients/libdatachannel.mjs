// libdatachannel (libjuice, its own SRTP and SDP), by its Node.js binding.
import datachannel from "node-datachannel";

import { codec, exchange, publishes, say, sink, source } from "./client.mjs";

const SSRC = { video: 4201, audio: 4202 };
const peer = new datachannel.PeerConnection("rostrum", { iceServers: [] });
const way = publishes ? "SendOnly" : "RecvOnly";
const video = new datachannel.Video("video", way);
const audio = new datachannel.Audio("audio", way);
if (codec === "H264") video.addH264Codec(102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
else video.addVP8Codec(102);
audio.addOpusCodec(111);
if (publishes) {
  video.addSSRC(SSRC.video, "rostrum", "rostrum", "video");
  audio.addSSRC(SSRC.audio, "rostrum", "rostrum", "audio");
}
const tracks = { video: peer.addTrack(video), audio: peer.addTrack(audio) };
if (!publishes) {
  for (const [kind, type] of [["video", 102], ["audio", 111]]) {
    const show = await sink(kind, type);
    tracks[kind].setMediaHandler(new datachannel.RtcpReceivingSession());
    tracks[kind].onMessage((packet) => show(packet));
    tracks[kind].onOpen(() => setInterval(() => kind === "video" && tracks.video.requestKeyframe(), 2000));
  }
}
peer.onStateChange((state) => say({ state }));
peer.onGatheringStateChange(async (state) => {
  if (state !== "complete") return;
  peer.setRemoteDescription(await exchange(peer.localDescription().sdp, () => peer.close()), "answer");
});
peer.setLocalDescription("offer");

const send = (kind) => (packet) => {
  if (!tracks[kind].isOpen()) return;
  packet.writeUInt32BE(SSRC[kind], 8);
  tracks[kind].sendMessageBinary(packet);
};
if (publishes) await source(send("video"), send("audio"));
