"""A player of GStreamer's kind: playbin3 with its adaptive demuxers.

    player.py ADDRESS

Says each second, as one JSON object a line on standard output, how many pictures it has shown, and the last one's width and colour.
"""

import json
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

Gst.init(None)
pipeline = Gst.ElementFactory.make("playbin3")
began = time.monotonic()
state = {"pictures": 0, "width": 0, "colour": [], "first": None, "error": None}


def make_video_sink():
    """A sink that keeps of each picture its mean."""
    sink = Gst.parse_bin_from_description("videoconvert ! videoscale ! video/x-raw,format=RGB,width=4,height=4 ! fakesink name=end sync=true signal-handoffs=true", True)
    sink.get_by_name("end").connect("handoff", on_picture, sink.get_static_pad("sink"))
    return sink


def on_picture(_end, picture, _pad, sink):
    if state["first"] is None:
        state["first"] = round(time.monotonic() - began, 2)
    state["pictures"] += 1
    state["width"] = sink.get_current_caps().get_structure(0).get_int("width").value
    state["colour"] = list(picture.extract_dup(0, 3))


def on_message(_bus, message):
    if message.type == Gst.MessageType.ERROR:
        state["error"] = message.parse_error()[0].message
        say()
        loop.quit()
    elif message.type == Gst.MessageType.EOS:
        state["error"] = "the end"
        say()
        loop.quit()
    elif message.type == Gst.MessageType.BUFFERING:
        # As every player does: it waits until there is enough.
        pipeline.set_state(Gst.State.PLAYING if message.parse_buffering() == 100 else Gst.State.PAUSED)
    elif message.type == Gst.MessageType.CLOCK_LOST:
        pipeline.set_state(Gst.State.PAUSED)
        pipeline.set_state(Gst.State.PLAYING)


def say():
    print(json.dumps({"after": round(time.monotonic() - began, 2), **state}), flush=True)
    return True


pipeline.set_property("uri", sys.argv[1])
pipeline.set_property("flags", 0x01 | 0x02 | 0x40)  # video, audio, and native video: it would scale before our sink sees the width
pipeline.set_property("video-sink", make_video_sink())
audio_sink = Gst.ElementFactory.make("fakesink")
audio_sink.set_property("sync", True)
pipeline.set_property("audio-sink", audio_sink)
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message", on_message)
loop = GLib.MainLoop()
GLib.timeout_add(1000, say)
pipeline.set_state(Gst.State.PLAYING)
loop.run()
