#!/bin/sh
# Makes the tones of the test pattern: tone0.ogg to tone7.ogg, three seconds of
# Opus each, of which the middle second is played in a loop. Needs ffmpeg with
# libopus. A quiet tone whose pitch tells who sends, and a beep in the first tenth
# of each second. Opus delays by 312 samples, so the beep begins that much earlier.
set -eu
cd "$(dirname "$0")"
n=0
for pitch in 220 262 294 330 392 440 523 587; do
	ffmpeg -v error -y -f lavfi -i "aevalsrc='0.06*sin(2*PI*$pitch*t)+0.5*sin(2*PI*1500*t)*lt(mod(t+312/48000,1),0.1)':s=48000:d=3" \
		-ac 1 -c:a libopus -b:a 24k -vbr off -frame_duration 20 -application audio \
		-map_metadata -1 -fflags +bitexact -flags +bitexact "tone$n.ogg"
	n=$((n + 1))
done
