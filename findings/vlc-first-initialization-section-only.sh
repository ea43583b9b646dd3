#!/usr/bin/env bash
# VLC 3.0 takes the first EXT-X-MAP of an HLS playlist and no other. At an
# EXT-X-DISCONTINUITY it starts its demuxer anew, without any initialization section, and the
# stream ends there: "Failed to create demuxer". By RFC 8216 §4.3.2.5 an EXT-X-MAP applies to the
# segments after it until the next one, so the second one belongs to the second segment.
#
# Seen with vlc-bin 3.0.24-0+deb12u1 of Debian 12 and segments of FFmpeg 5.1: it requests
# red-init.mp4 and never blue-init.mp4, and the second demuxer fails. With the sections at the
# begin of the segments, and no EXT-X-MAP, it works. Fails when that changes.
set -euo pipefail
version=3.0.24-0+deb12u1
[ "$(dpkg-query -W -f '${Version}' vlc-bin 2>/dev/null)" = $version ] ||
	apt-get -q install -y --no-install-recommends vlc-bin=$version vlc-plugin-base=$version ffmpeg >/dev/null
work=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null; rm -rf "$work"' EXIT
chmod 777 "$work"
cd "$work"
dpkg-query -W -f '${Package} ${Version}\n' vlc-bin
for colour in red blue; do
	ffmpeg -v error -f lavfi -i "color=$colour:size=320x180:rate=25" -t 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 \
		-f hls -hls_time 2 -hls_segment_type fmp4 -hls_fmp4_init_filename "$colour-init.mp4" -hls_segment_filename "$colour-%d.mp4" "$colour.m3u8"
	cat "$colour-init.mp4" "$colour-0.mp4" >"$colour-whole.mp4"
done
list() { printf '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n%s\n#EXT-X-ENDLIST\n' "$1"; }
list '#EXT-X-MAP:URI="red-init.mp4"
#EXTINF:2,
red-0.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="blue-init.mp4"
#EXTINF:2,
blue-0.mp4' >sections.m3u8
list '#EXTINF:2,
red-whole.mp4
#EXT-X-DISCONTINUITY
#EXTINF:2,
blue-whole.mp4' >whole.m3u8
python3 -u -m http.server --bind 127.0.0.1 0 >server.log 2>&1 &
server=$!
until port=$(sed -nE 's/.*port ([0-9]+).*/\1/p' server.log) && [ -n "$port" ]; do sleep 0.1; done

# play counts the demuxers that fail.
play() {
	as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups) # it refuses root
	"${as[@]}" env HOME="$work" timeout 60 cvlc -vv --intf dummy --no-audio --vout vdummy --play-and-exit "http://127.0.0.1:$port/$1.m3u8" >"$1.log" 2>&1 || true
	grep -c "Failed to create demuxer" "$1.log" || true
}
sections=$(play sections) whole=$(play whole)
requested=$(grep -c "GET /blue-init.mp4" server.log || true)
echo "sections by EXT-X-MAP: $sections demuxer failed, the second section was requested $requested times"
echo "sections in segments:  $whole demuxers failed"
grep -q "GET /blue-0.mp4" server.log && grep -q "GET /blue-whole.mp4" server.log
[ "$sections" = 1 ] && [ "$requested" = 0 ] && [ "$whole" = 0 ]
