// GStreamer's own WebRTC stack (webrtcbin, libnice) as a WHIP encoder. Debian 12
// has neither its whipclientsink nor an ffmpeg with a WHIP muxer, so a few lines
// of Python post the offer.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { claims, eventually, run, server, serverAndBrowser, web } from "./harness.mjs";

const encoder = new URL("python/gstreamer.py", import.meta.url).pathname;
const ready = spawnSync("gst-inspect-1.0", ["webrtcbin"]).status === 0;
const skip = ready ? false : "GStreamer's webrtcbin is not installed";
if (!skip) serverAndBrowser();

for (const [codec, ...more] of [["H264"], ["VP8"], ["H264", "two-cameras"]]) {
  test(`GStreamer publishes ${[codec, ...more].join(" with ")} by WHIP, a browser sees and hears it, and DELETE ends it`, { skip }, async (t) => {
    const { arn } = (await server.call("CreateStage", { name: `gstreamer-${codec}${more}` })).stage;
    const token = await server.token(arn, "encoder");
    const { jti: id } = claims(token);
    const tool = run({ command: "/usr/bin/python3" }, encoder, token, codec, ...more);
    t.after(() => tool.stop());
    await eventually("a connection", () => tool.lines, (l) => l.some((x) => x.includes('"connected"')));
    const page = await web.page();
    t.after(() => page.close());
    await page.evaluate(([k, i]) => participant.subscribe(k, i), [await server.token(arn, "bob", ["SUBSCRIBE"]), id]);
    const seen = await eventually("a blue picture", () => page.evaluate((i) => participant.look(i), id), (s) => s.colour[2] > 180 && s.colour[0] < 70);
    assert.deepEqual([seen.width, seen.height], [640, 360]);
    const stats = await eventually("sound", () => page.evaluate((i) => participant.received(i), id), (s) => s.some((x) => x.kind === "audio" && x.packetsReceived > 50 && x.audioLevel > 0.01));
    assert.match(stats.find((s) => s.type === "codec" && s.mimeType.startsWith("video/")).mimeType, new RegExp(codec, "i"));
    tool.child.stdin.end();
    await eventually("the end", () => tool.lines, (l) => l.some((x) => x.includes('"deleted", "status": 200')));
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
    const asked = { stageArn: arn, sessionId, participantId: id };
    assert.equal((await server.call("GetParticipant", asked)).participant.state, "DISCONNECTED");
    const events = async () => (await server.call("ListParticipantEvents", asked)).events.map((e) => e.name);
    assert.deepEqual(await eventually("LEFT", events, (all) => all.at(-1) === "LEFT", 5), ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]);
  });
}
