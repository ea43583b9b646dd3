#!/usr/bin/env bash
# sdp 3.2.2 (npm; the parser inside webrtc-adapter) cuts the value of a format parameter at its
# second "=". sprop-parameter-sets of H.264 is base64, whose padding is "=" (RFC 6184 §8.1):
# when the SPS ends with padding, the padding and the whole PPS after the comma are lost,
# without an error.
#
# Seen with sdp 3.2.2 on Node.js 20; sent Z0LAH9kA2D0=,aMuCyyA=:
#   sprop-parameter-sets: Z0LAH9kA2D0
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp@3.2.2
cat >parse.cjs <<'JS'
const { parseFmtp } = require("sdp");

const parameters = parseFmtp("a=fmtp:96 packetization-mode=1;profile-level-id=42c01f;sprop-parameter-sets=Z0LAH9kA2D0=,aMuCyyA=");
console.log(`sprop-parameter-sets: ${parameters["sprop-parameter-sets"]}`);
JS
node --version
node parse.cjs | tee seen
diff - seen <<'EXPECTED'
sprop-parameter-sets: Z0LAH9kA2D0
EXPECTED
