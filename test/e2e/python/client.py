"""A participant of aiortc's kind, knowing nothing but its token.

It reads the URLs out of the token, posts one offer, follows redirects by hand,
and says on standard output, one JSON object a line, what happens to it:

    client.py publish   TOKEN --codec H264 --colour 200,30,30 --tone 440
    client.py subscribe TOKEN PARTICIPANT
    client.py events    TOKEN

It ends when its standard input does.
"""

import argparse
import asyncio
import base64
import fractions
import json
import re
import sys
import time

import aiohttp
import numpy
from aiortc import AudioStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from av import AudioFrame, VideoFrame


def say(**message):
    print(json.dumps(message), flush=True)


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Picture(VideoStreamTrack):
    """A plain colour with a white square that moves."""

    def __init__(self, colour):
        super().__init__()
        self.colour = colour
        self.count = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        pixels = numpy.empty((360, 640, 3), numpy.uint8)
        pixels[:] = self.colour
        x = self.count * 4 % 600
        pixels[300:340, x : x + 40] = 255
        self.count += 1
        frame = VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """A sine at a third of full scale, 20 ms a frame."""

    def __init__(self, hertz):
        super().__init__()
        self.hertz = hertz
        self.sent = 0
        self.began = None

    async def recv(self):
        self.began = self.began or time.monotonic()
        await asyncio.sleep(max(0, self.began + self.sent / 48000 - time.monotonic()))
        t = (self.sent + numpy.arange(960)) / 48000
        samples = (10000 * numpy.sin(2 * numpy.pi * self.hertz * t)).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = self.sent, 48000, fractions.Fraction(1, 48000)
        self.sent += 960
        return frame


async def exchange(session, pc, url, token, plain):
    """Posts the offer whole, without trickle, and takes the answer."""
    await pc.setLocalDescription(await pc.createOffer())
    offer = pc.localDescription.sdp
    if plain:  # as clients send that know neither extensions nor feedback beyond loss and pictures
        offer = re.sub(r"a=(extmap:|rtcp-rsize|rtcp-fb:\S+ (transport-cc|goog-remb))[^\r]*\r\n", "", offer)
    for _ in range(5):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with session.post(url, data=offer, headers=headers, allow_redirects=False) as response:
            body = await response.text()
            if response.status in (301, 302, 303, 307, 308):
                url = response.headers["Location"]
                continue
            if response.status != 201:
                raise RuntimeError(f"{response.status} {body}")
            say(event="answered", location=response.headers["Location"], offer=offer, answer=body)
            await pc.setRemoteDescription(RTCSessionDescription(body, "answer"))
            return
    raise RuntimeError("redirected too often")


def offer_more(pc):
    """Offers media that a stage doesn't use. aiortc never connects if a data channel is refused."""
    pc.addTransceiver("audio", "inactive")
    pc.addTransceiver("video", "recvonly")
    pc.addTransceiver("video", "sendonly")


async def publish(session, args):
    pc = await peer(session, args)
    pc.addTransceiver(Tone(args.tone), "sendonly")
    video = pc.addTransceiver(Picture([int(c) for c in args.colour.split(",")]), "sendonly")
    known = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences([c for c in known if c.mimeType in (f"video/{args.codec}", "video/rtx")])
    if args.more:
        offer_more(pc)
    await exchange(session, pc, claims(args.token)["whip_url"], args.token, args.plain)
    return pc


async def subscribe(session, args):
    pc = await peer(session, args)
    pc.addTransceiver("audio", "recvonly")
    pc.addTransceiver("video", "recvonly")
    readers = []

    @pc.on("track")
    def arrived(track):
        readers.append(asyncio.ensure_future(listen(track) if track.kind == "audio" else watch(track)))

    if args.more:
        offer_more(pc)
    await exchange(session, pc, f"{claims(args.token)['whip_url']}/subscribe/{args.participant}", args.token, args.plain)
    return pc


async def watch(track):
    count = 0
    while True:
        frame = await track.recv()
        count += 1
        if count % 15 == 1:
            pixels = frame.to_ndarray(format="rgb24")
            at = pixels[int(frame.height * 0.7), frame.width - 8]
            say(event="picture", count=count, width=frame.width, height=frame.height, colour=[int(c) for c in at])


async def listen(track):
    count = 0
    while True:
        frame = await track.recv()
        count += 1
        if count % 25 == 0:
            samples = frame.to_ndarray().reshape(-1).astype(float)
            say(event="sound", count=count, rms=float(numpy.sqrt(numpy.mean(samples**2))))


async def events(session, args):
    c = claims(args.token)
    async with session.ws_connect(f"{c['events_url']}/{c['topic']}", protocols=[args.token]) as socket:
        say(event="open", echoed=socket.protocol == args.token)
        await socket.send_json({"type": "PING"})
        async for message in socket:
            say(event="message", message=json.loads(message.data))


async def servers(session, args):
    """Asks for the server's TURN before the offer (RFC 9725, section 4.6), and takes it by TLS."""
    async with session.options(claims(args.token)["whip_url"], headers={"Authorization": f"Bearer {args.token}"}) as response:
        links = ", ".join(response.headers.getall("Link"))
    found = re.findall(r'<(turns:[^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"', links)
    return [RTCIceServer(urls=url, username=username, credential=credential) for url, username, credential in found]


async def peer(session, args):
    pc = RTCPeerConnection(RTCConfiguration(iceServers=await servers(session, args) if args.relay else []))

    @pc.on("connectionstatechange")
    def changed():
        say(event="state", state=pc.connectionState)

    return pc


async def run(args):
    async with aiohttp.ClientSession() as session:
        doing = asyncio.ensure_future(args.do(session, args))
        over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await asyncio.wait([doing, over], return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            pc = doing.result()
            await over
            await pc.close()
        else:
            doing.cancel()


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    for verb in (publish, subscribe, events):
        p = verbs.add_parser(verb.__name__)
        p.set_defaults(do=verb)
        p.add_argument("token")
        p.add_argument("--plain", action="store_true")
        p.add_argument("--relay", action="store_true")
        p.add_argument("--more", action="store_true")
    verbs.choices["publish"].add_argument("--codec", default="H264")
    verbs.choices["publish"].add_argument("--colour", default="200,30,30")
    verbs.choices["publish"].add_argument("--tone", type=int, default=440)
    verbs.choices["subscribe"].add_argument("participant")
    asyncio.run(run(parser.parse_args()))


main()
