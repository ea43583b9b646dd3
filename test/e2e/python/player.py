"""A player of GStreamer's kind: playbin3 with its adaptive demuxers.

    player.py ADDRESS

Says each second, as one JSON object a line on standard output, how many pictures it has shown, and of which width.
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
state = {"pictures": 0, "width": 0, "first": None, "error": None}


def make_sink(count):
    sink = Gst.ElementFactory.make("fakesink")
    sink.set_property("sync", True)
    sink.set_property("signal-handoffs", count)
    if count:
        sink.connect("handoff", on_picture)
    return sink


def on_picture(_sink, _buffer, pad):
    if state["first"] is None:
        state["first"] = round(time.monotonic() - began, 2)
    state["pictures"] += 1
    state["width"] = pad.get_current_caps().get_structure(0).get_int("width").value


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
pipeline.set_property("video-sink", make_sink(True))
pipeline.set_property("audio-sink", make_sink(False))
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message", on_message)
loop = GLib.MainLoop()
GLib.timeout_add(1000, say)
pipeline.set_state(Gst.State.PLAYING)
loop.run()
