#!/usr/bin/env bash
# FFmpeg's HLS demuxer fetches each EXT-X-MAP of a playlist of fragmented MP4 and then skips it
# ("Found duplicated MOOV Atom"): after a discontinuity to other parameter sets it goes on
# decoding with the first ones. The pictures of the period are damaged at the first period's
# size, and the exit status is 0. A packager reaches FFmpeg, and players that use it, only with
# SPS and PPS in the pictures as well; then the size changes as it should.
#
# Three periods of 50 pictures, 320x180, 640x360, 320x180, each with its own EXT-X-MAP after an
# EXT-X-DISCONTINUITY and with decode times that go on. Each period by itself (initialization
# section and segment joined) decodes without an error.
#
# Seen with imageio-ffmpeg 0.8.1 from PyPI (its bundled ffmpeg), and with Debian's 5.1.9:
#   parameter sets in the initialization sections alone: 150 pictures of 320x180, 100 lines of errors, status 0
#   in the pictures too: 100 of 320x180, 50 of 640x360, no error
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check imageio-ffmpeg==0.8.1
ffmpeg=$("$work/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | sed -n 1p

# package DIRECTORY [ENCODER OPTION ...]: the three periods and their playlist.
package() {
	local at=$1 period=0 size
	shift
	mkdir "$at"
	printf '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n' >"$at/all.m3u8"
	for size in 320x180 640x360 320x180; do
		"$ffmpeg" -v error -f lavfi -i testsrc2=s=$size:r=25:d=2 -c:v libx264 -preset ultrafast -g 50 -bf 0 "$@" \
			-output_ts_offset $((2 * period)) -f hls -hls_time 2 -hls_playlist_type vod \
			-hls_segment_type fmp4 -hls_segment_options movflags=+frag_discont \
			-hls_fmp4_init_filename init-$period.mp4 -hls_segment_filename "$at/$period-%d.m4s" "$at/$period.m3u8"
		[ $period = 0 ] || echo '#EXT-X-DISCONTINUITY' >>"$at/all.m3u8"
		printf '#EXT-X-MAP:URI="init-%d.mp4"\n#EXTINF:2.0,\n%d-0.m4s\n' $period $period >>"$at/all.m3u8"
		period=$((period + 1))
	done
	echo '#EXT-X-ENDLIST' >>"$at/all.m3u8"
}

# decoded INPUT: how many pictures of which size, and whether there were errors.
decoded() {
	"$ffmpeg" -v error -i "$1" -f null - 2>"$work/errors"
	"$ffmpeg" -v info -i "$1" -vf showinfo -f null - 2>&1 |
		sed -nE 's/.* s:([0-9]+x[0-9]+) .*/\1/p' | sort | uniq -c | awk '{ printf "%s of %s, ", $1, $2 }'
	[ -s "$work/errors" ] && echo errors || echo no error
}
package "$work/sections"
package "$work/pictures" -bsf:v dump_extra=freq=keyframe
for period in 0 1 2; do
	cat "$work/sections/init-$period.mp4" "$work/sections/$period-0.m4s" >"$work/$period.mp4"
	alone=$(decoded "$work/$period.mp4")
	echo "period $period alone: $alone"
	[[ $alone = *"no error" ]] || { echo "a period is damaged by itself: the comparison says nothing"; exit 1; }
done
sections=$(decoded "$work/sections/all.m3u8")
pictures=$(decoded "$work/pictures/all.m3u8")
echo "parameter sets in the initialization sections alone: $sections"
echo "in the pictures too: $pictures"
[ "$sections" = "150 of 320x180, errors" ] || { echo "FFmpeg uses the later sections now"; exit 1; }
[ "$pictures" = "100 of 320x180, 50 of 640x360, no error" ] || { echo "the parameter sets in the pictures no longer suffice"; exit 1; }
