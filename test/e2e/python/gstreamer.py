"""An encoder of GStreamer's kind: one POST, media, one DELETE.

    gstreamer.py TOKEN H264|VP8 [two-cameras]

With two cameras it offers a second video, which a stage refuses. Says one JSON object a line on standard output, and ends when its standard input does.
"""

import base64
import json
import sys
import threading
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=1500 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=102",
    "VP8": "vp8enc deadline=1 keyframe-max-dist=60 target-bitrate=1500000 ! rtpvp8pay picture-id-mode=2 ! application/x-rtp,media=video,encoding-name=VP8,payload=102",
}


SECOND = "videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=240,framerate=15/1 ! videoconvert ! vp8enc deadline=1 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=104 ! peer. "


def say(**message):
    print(json.dumps(message), flush=True)


def request(method, url, token, body=None):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    return urllib.request.urlopen(urllib.request.Request(url, method=method, data=body, headers=headers))


class Encoder:
    def __init__(self, token, codec, second):
        payload = token.split(".")[1]
        self.url = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["whip_url"]
        self.token, self.location, self.loop = token, None, GLib.MainLoop()
        self.pipeline = Gst.parse_launch(
            "webrtcbin name=peer bundle-policy=max-bundle "
            f"videotestsrc is-live=true pattern=blue ! video/x-raw,width=640,height=360,framerate=30/1 ! videoconvert ! {ENCODERS[codec]} ! peer. "
            "audiotestsrc is-live=true freq=440 volume=0.3 ! audioconvert ! audio/x-raw,channels=2 ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=96 ! peer. "
            + (SECOND if second else "")
        )
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("on-negotiation-needed", self.offer)
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        self.peer.connect("notify::connection-state", lambda *_: say(event="state", state=self.peer.get_property("connection-state").value_nick))

    def offer(self, _):
        def made(promise, *_):
            promise.wait()
            reply = promise.get_reply()  # owns the description: it must live until that is set
            self.peer.emit("set-local-description", reply["offer"], Gst.Promise.new())

        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(made))

    def gathered(self, *_):
        if self.peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.location:
            threading.Thread(target=self.post, daemon=True).start()

    def post(self):
        offer = self.peer.get_property("local-description").sdp.as_text()
        with request("POST", self.url, self.token, offer.encode()) as response:
            self.location = urllib.parse.urljoin(self.url, response.headers["Location"])
            answer = response.read()
        say(event="answered", offer=offer, answer=answer.decode(), location=self.location)
        _, message = GstSdp.SDPMessage.new_from_text(answer.decode())
        self.peer.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message), Gst.Promise.new())

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=lambda: (sys.stdin.read(), self.loop.quit()), daemon=True).start()
        self.loop.run()
        if self.location:
            with request("DELETE", self.location, self.token) as response:
                say(event="deleted", status=response.status)
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
Encoder(sys.argv[1], sys.argv[2], "two-cameras" in sys.argv).run()
