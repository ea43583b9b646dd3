#!/usr/bin/env bash
# hls-parser 0.16.1 (npm) writes a key that was not in the playlist: when the last segment is
# not complete and has EXT-X-PART only, stringify(parse(playlist)) puts
# '#EXT-X-KEY:METHOD=undefined,URI="init.mp4"', with the URI of EXT-X-MAP, before the parts.
# No METHOD of that name exists (RFC 8216 §4.3.2.4), so what reads the result can't play the
# end of the stream. Playlists of low-latency HLS end so nearly always, with fragmented MP4.
#
# Seen with hls-parser 0.16.1 on Node.js 20:
#   parts only: #EXT-X-KEY:METHOD=undefined,URI="init.mp4"
#   whole segments: no key
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund hls-parser@0.16.1
cat >write.cjs <<'JS'
const { parse, stringify } = require("hls-parser");

const head = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3
#EXT-X-PART-INF:PART-TARGET=1
#EXT-X-MAP:URI="init.mp4"
#EXTINF:4,
0.mp4
`;
const parts = `#EXT-X-PART:DURATION=1,URI="1.0.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="1.1.mp4"
`;
for (const [name, text] of [["parts only", head + parts], ["whole segments", head]]) {
  const keys = stringify(parse(text)).split("\n").filter((l) => l.startsWith("#EXT-X-KEY"));
  console.log(`${name}: ${keys.join(" ") || "no key"}`);
}
JS
node --version
node write.cjs | tee seen
diff - seen <<'EXPECTED'
parts only: #EXT-X-KEY:METHOD=undefined,URI="init.mp4"
whole segments: no key
EXPECTED
