// What a recording shows and how it sounds, as ffmpeg decodes it.
import { execFileSync } from "node:child_process";

/** The colour in the middle of two pictures a second. */
export function colours(address) {
  const raw = execFileSync("ffmpeg", ["-v", "error", "-i", address, "-an", "-vf", "fps=2,crop=iw/4:ih/4,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
  return Array.from({ length: raw.length / 3 }, (_, i) => [...raw.subarray(3 * i, 3 * i + 3)]);
}

/** How loud the recording is around a frequency, in dB. */
export function loudness(address, hertz) {
  const filter = `bandpass=f=${hertz}:w=40,bandpass=f=${hertz}:w=40,volumedetect`;
  const said = execFileSync("sh", ["-c", 'ffmpeg -hide_banner -i "$1" -vn -af "$2" -f null - 2>&1', "sh", address, filter], { encoding: "utf8" });
  return Number(said.match(/mean_volume: (\S+) dB/)?.[1]);
}
