// hls.js, Shaka Player and video.js in a page. Each begin function runs there: it plays an address
// in the element window.video, and adds its errors to window.faults.
import { fileURLToPath } from "node:url";

export function beginHls(url) {
  const hls = new Hls({ lowLatencyMode: true });
  hls.on(Hls.Events.ERROR, (_, e) => window.faults.push(`${e.details} ${e.response?.code ?? ""} ${e.error?.message.split("\n")[0] ?? ""}`));
  hls.loadSource(url);
  hls.attachMedia(window.video);
}

export async function beginShaka(url) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", (e) => window.faults.push(`${e.detail.code} ${e.detail.data}`));
  await player.attach(window.video);
  // Without it Shaka Player forgets all segments after a pause of the encoder: it measures
  // the window by what the playlist has, again and again.
  player.configure({ streaming: { lowLatencyMode: true }, manifest: { availabilityWindowOverride: 60 } });
  await player.load(url);
}

export function beginVideoJs(url) {
  const player = videojs(window.video, { html5: { vhs: { llhls: true, overrideNative: true } } });
  player.on("error", () => window.faults.push(player.error()?.message));
  player.src({ src: url, type: "application/x-mpegURL" });
  player.play();
}

const scripts = new Map([
  [beginHls, "hls.js/dist/hls.min.js"],
  [beginShaka, "shaka-player/dist/shaka-player.compiled.js"],
  [beginVideoJs, "video.js/dist/video.min.js"],
]);

/** Opens a page of a browser that plays an address. */
export async function open(web, begin, url) {
  const page = await web.page();
  await page.addScriptTag({ path: fileURLToPath(new URL(`node_modules/${scripts.get(begin)}`, import.meta.url)) });
  await page.evaluate(() => {
    window.faults = [];
    window.video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, width: 320 });
    document.body.append(window.video);
  });
  await page.evaluate(begin, url);
  return page;
}
