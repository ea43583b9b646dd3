#!/usr/bin/env bash
# The WHIP publisher of FFmpeg 9 (muxer whip) offers a=setup:passive: it is the DTLS server. Only
# with -whip_flags dtls_active it is the client; it never offers actpass, which RFC 8842 §5.2 and
# RFC 9725 recommend (that one allows active beside it, not passive). A WHIP server that answers
# every offer as DTLS server, as it may with actpass and active, leaves two servers that wait.
# And each offer of each process has the same origin (o=) with the same session id and version.
# RFC 8866 §5.2: the origin is unique to a session; who finds sessions by it mixes up encoders.
#
# Seen with imageio-ffmpeg 0.8.1 (FFmpeg n9.0.2):
#   o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
#   a=setup:passive
#   o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
#   a=setup:passive
#   o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
#   a=setup:active
# (twice by default, then with dtls_active). Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip -q install imageio-ffmpeg==0.8.1
ffmpeg=$(env/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
cat >whip.py <<'PY'
import http.server, subprocess, sys

class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(*[l for l in offer.splitlines() if l.startswith(("o=", "a=setup"))], sep="\n")
        self.send_response(503)  # the offer is all that is wanted
        self.end_headers()

    def log_message(self, *_):
        pass

for flags in [], [], ["-whip_flags", "dtls_active"]:
    with http.server.HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.timeout = 30
        encoder = subprocess.Popen(
            [sys.argv[1], "-v", "quiet", "-f", "lavfi", "-i", "sine", "-ac", "2", "-ar", "48000", "-c:a", "libopus",
             *flags, "-f", "whip", f"http://127.0.0.1:{server.server_port}/"], stdin=subprocess.DEVNULL)
        server.handle_request()
        encoder.wait()
PY
"$ffmpeg" -version | head -1
python3 whip.py "$ffmpeg" | tee seen
diff - seen <<'EXPECTED'
o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
a=setup:passive
o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
a=setup:passive
o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
a=setup:active
EXPECTED
