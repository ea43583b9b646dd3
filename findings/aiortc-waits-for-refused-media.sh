#!/usr/bin/env bash
# aiortc 1.16 does not take the usual answers that refuse one of the media that it offered
# (port 0, out of the BUNDLE group: RFC 9143 §7.3.3, RFC 9429 §5.3.1):
#   - without ICE credentials in the refused section, which has no transport, setRemoteDescription
#     raises "ICE username fragment or password is missing";
#   - with them aiortc starts a transport for the refused section: media flow over the other one,
#     but connectionState stays "connecting".
# A server that refuses what it can't use with "a=inactive" inside BUNDLE reaches aiortc.
#
# Both ends are aiortc; the answer is changed on its way as above. Seen with aiortc 1.16.0,
# aioice 0.13.0 from PyPI:
#   refused without credentials: ValueError: ICE username fragment or password is missing
#   refused with credentials: ICE completed, connecting; audio arrives
#   inactive: ICE completed, connected; audio arrives
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check aiortc==1.16.0 aioice==0.13.0
"$work/venv/bin/pip" list --disable-pip-version-check 2>/dev/null | grep -E '^(aiortc|aioice) '
cat >"$work/refuse.py" <<'PY'
import asyncio
import re

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack


def refuse(sdp, credentials):
    """The answer with its section of video refused."""
    head, *sections = re.split(r"(?=^m=)", sdp, flags=re.M)
    for i, section in enumerate(sections):
        if not section.startswith("m=video"):
            continue
        lines = section.split("\r\n")
        media = lines[0].split(" ")
        media[1] = "0"
        lines[0] = " ".join(media)
        mid = next(line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:"))
        if not credentials:
            lines = [line for line in lines if not line.startswith(("a=ice-", "a=candidate", "a=end-of-candidates"))]
        sections[i] = "\r\n".join(lines)
        head = re.sub(rf"^(a=group:BUNDLE.*?) {mid}\b", r"\1", head, flags=re.M)
    return head + "".join(sections)


async def attempt(change):
    """What comes of a call whose offer has audio and video, and whose answer is changed."""
    caller, callee = RTCPeerConnection(), RTCPeerConnection()
    heard = asyncio.Event()

    @callee.on("track")
    def track(track):
        async def receive():
            await track.recv()
            heard.set()

        if track.kind == "audio":
            callee.receiving = asyncio.ensure_future(receive())

    try:
        caller.addTrack(AudioStreamTrack())
        caller.addTransceiver("video", direction="recvonly")
        await caller.setLocalDescription(await caller.createOffer())
        await callee.setRemoteDescription(RTCSessionDescription(caller.localDescription.sdp, "offer"))
        await callee.setLocalDescription(await callee.createAnswer())
        try:
            await caller.setRemoteDescription(RTCSessionDescription(change(callee.localDescription.sdp), "answer"))
        except ValueError as e:
            return f"ValueError: {e}"
        await asyncio.wait_for(heard.wait(), 20)
        for _ in range(50):  # ten seconds to become connected
            if caller.connectionState != "connecting":
                break
            await asyncio.sleep(0.2)
        return f"ICE {caller.iceConnectionState}, {caller.connectionState}; audio arrives"
    finally:
        await caller.close()
        await callee.close()


seen = {
    "refused without credentials": asyncio.run(attempt(lambda sdp: refuse(sdp, False))),
    "refused with credentials": asyncio.run(attempt(lambda sdp: refuse(sdp, True))),
    "inactive": asyncio.run(attempt(lambda sdp: sdp)),
}
for name, result in seen.items():
    print(f"{name}: {result}")
assert seen == {
    "refused without credentials": "ValueError: ICE username fragment or password is missing",
    "refused with credentials": "ICE completed, connecting; audio arrives",
    "inactive": "ICE completed, connected; audio arrives",
}
PY
"$work/venv/bin/python" "$work/refuse.py"
