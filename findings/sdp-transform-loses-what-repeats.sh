#!/usr/bin/env bash
# sdp-transform 3.0.0 (npm; the SDP of mediasoup, Jitsi and others) loses parts of valid
# descriptions without an error when it parses and writes them:
#   - of several a=fingerprint lines, which RFC 8122 §5 allows, the last one remains: a peer whose
#     certificate was named by sha-256 and sha-512 has the last hash only;
#   - of a=ice-options:trickle ice2 (RFC 8839 §5.6: a list) the first option;
#   - of a candidate the extensions after generation, as the ufrag that Chromium sends (RFC 8839 §5.1: any number
#     of extensions).
#
# Seen with sdp-transform 3.0.0 on Node.js 20:
#   a=fingerprint:sha-512 CC:DD
#   a=ice-options:trickle
#   a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0
cat >write.cjs <<'JS'
const { parse, write } = require("sdp-transform");

const text = [
  "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtpmap:111 opus/48000/2",
  "a=ice-options:trickle ice2",
  "a=fingerprint:sha-256 AA:BB",
  "a=fingerprint:sha-512 CC:DD",
  "a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0 ufrag F7gI network-cost 999",
  "",
].join("\r\n");
const written = write(parse(text)).split("\r\n");
console.log(written.filter((l) => /^a=(fingerprint|ice-options|candidate)/.test(l)).sort().join("\n"));
JS
node --version
node write.cjs | tee seen
diff - seen <<'EXPECTED'
a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0
a=fingerprint:sha-512 CC:DD
a=ice-options:trickle
EXPECTED
