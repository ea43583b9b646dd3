#!/usr/bin/env bash
# FFmpeg's own AAC encoder with "-aac_coder fast" distorts a loud tone that the default
# coder (twoloop) keeps: a 1 kHz sine at 0.98 of full scale, mono, 48 kHz, 128 kbit/s.
#
# Seen with imageio-ffmpeg 0.8.1 from PyPI (its bundled ffmpeg): the table below. Fails when
# that changes: the fast coder keeps the tone, or the default one loses it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check imageio-ffmpeg==0.8.1 numpy==2.3.5
ffmpeg=$("$work/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | sed -n 1p
for coder in twoloop fast; do
	"$ffmpeg" -v error -y -f lavfi -i "aevalsrc=0.98*sin(2*PI*1000*t):s=48000:d=4" -c:a aac -aac_coder $coder -b:a 128k "$work/$coder.m4a"
	"$ffmpeg" -v error -y -i "$work/$coder.m4a" -f f32le -ac 1 "$work/$coder.f32"
done
"$work/venv/bin/python" - "$work" <<'PY'
import sys
import numpy as np

def measure(coder):
    """Level of the 1 kHz tone, and how far (dB) all else is below it."""
    x = np.fromfile(f"{sys.argv[1]}/{coder}.f32", dtype=np.float32)[48000:144000]
    n = np.arange(len(x))
    c = (x * np.exp(-2j * np.pi * 1000 * n / 48000)).mean()
    level = 2 * abs(c)
    rest = x - level * np.cos(2 * np.pi * 1000 * n / 48000 + np.angle(c))
    return level, 20 * np.log10(level / (rest.std() * 2**0.5))

print("coder    tone of 0.98 comes out at   distortion below it")
results = {coder: measure(coder) for coder in ("twoloop", "fast")}
for coder, (level, distance) in results.items():
    print(f"{coder:8} {level:25.3f}   {distance:.1f} dB")
assert results["twoloop"][0] > 0.9 and results["twoloop"][1] > 40, "the default coder no longer keeps the tone"
assert results["fast"][0] < 0.8 and results["fast"][1] < 20, "the fast coder no longer distorts the tone"
PY
