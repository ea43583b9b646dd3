#!/usr/bin/env bash
# m3u8 6.0.0 (PyPI) reads EXT-X-SKIP of a playlist delta update, but numbers the segments as if
# none were skipped: the first one listed has the media sequence number of the first one
# skipped (RFC 8216bis §4.4.5.2 and §6.3.7: it is EXT-X-MEDIA-SEQUENCE + SKIPPED-SEGMENTS). Who
# follows a live stream by segment.media_sequence fetches segments again, or takes new ones
# for old ones. Parts of a segment that is not complete appear as one more segment, with the
# uri None.
#
# Seen with m3u8 6.0.0; a complete playlist and its delta update:
#   complete: [(266, '266.mp4'), (267, '267.mp4'), (268, '268.mp4'), (269, '269.mp4'), (270, None)]
#   delta: [(266, '269.mp4'), (267, None)]
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check m3u8==6.0.0
cat >"$work/number.py" <<'PY'
import m3u8

HEAD = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3,CAN-SKIP-UNTIL=24
#EXT-X-PART-INF:PART-TARGET=1
#EXT-X-MEDIA-SEQUENCE:266
"""
SEGMENTS = [f"#EXTINF:4,\n{n}.mp4\n" for n in range(266, 270)]
PARTS = '#EXT-X-PART:DURATION=1,URI="270.0.mp4"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="270.1.mp4"\n'

for name, body in {"complete": "".join(SEGMENTS), "delta": "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n" + SEGMENTS[3]}.items():
    playlist = m3u8.loads(HEAD + body + PARTS)
    print(f"{name}:", [(s.media_sequence, s.uri) for s in playlist.segments])
PY
"$work/venv/bin/python" "$work/number.py" | tee "$work/seen"
diff - "$work/seen" <<'EXPECTED'
complete: [(266, '266.mp4'), (267, '267.mp4'), (268, '268.mp4'), (269, '269.mp4'), (270, None)]
delta: [(266, '269.mp4'), (267, None)]
EXPECTED
