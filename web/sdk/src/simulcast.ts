/** One simulcast layer that a camera is encoded to. */
export interface SimulcastLayer {
  width: number;
  height: number;
  maxBitrateKbps: number;
  maxFramerate: number;
}

/** The layers that a stream has unless it names its own. */
export const SimulcastLayerPresets = {
  DEFAULT_720: { width: 1280, height: 720, maxBitrateKbps: 2500, maxFramerate: 30 },
  DEFAULT_360: { width: 640, height: 360, maxBitrateKbps: 900, maxFramerate: 30 },
  DEFAULT_180: { width: 320, height: 180, maxBitrateKbps: 350, maxFramerate: 15 },
} as const satisfies Record<string, SimulcastLayer>;

const defaults: SimulcastLayer[] = [SimulcastLayerPresets.DEFAULT_720, SimulcastLayerPresets.DEFAULT_360, SimulcastLayerPresets.DEFAULT_180];
const labels = ['hi', 'mid', 'low'];
const defaultBitrate = 2500; // kbit/s

/** How a video is encoded. */
export interface VideoConfiguration {
  minBitrate?: number; // kbit/s
  maxBitrate?: number; // kbit/s
  maxFramerate?: number;
  simulcast?: { enabled: boolean; layers?: SimulcastLayer[] };
  inBandMessaging?: { enabled: boolean };
}

/** The size of a picture. */
export interface Size {
  width: number;
  height: number;
}

/** The encodings of a video, the best first. Without simulcast there is one. */
export function encodingsOf(config: VideoConfiguration, size: Size): RTCRtpEncodingParameters[] {
  const layers = layersOf(config);
  if (layers.length === 0) return [{ maxBitrate: 1000 * (config.maxBitrate ?? defaultBitrate), maxFramerate: config.maxFramerate ?? 30 }];
  return layers.map((layer, i) => ({
    rid: labels[i]!,
    maxBitrate: 1000 * layer.maxBitrateKbps,
    maxFramerate: Math.min(layer.maxFramerate, config.maxFramerate ?? layer.maxFramerate),
    scaleResolutionDownBy: scaleOf(layer, size),
  }));
}

/** By how much a picture is scaled down to fit a layer, whichever way it is held. */
export function scaleOf(layer: Size, { width, height }: Size): number {
  const portrait = height > width;
  const [across, down] = portrait ? [layer.height, layer.width] : [layer.width, layer.height];
  return Math.max(1, width / across, height / down);
}

/** The simulcast layers of a configuration, the best first; none without simulcast. */
export function layersOf({ simulcast, maxBitrate }: VideoConfiguration): SimulcastLayer[] {
  if (!simulcast?.enabled) return [];
  const layers = simulcast.layers?.length ? simulcast.layers.slice(0, labels.length) : defaults;
  const sorted = [...layers].sort((a, b) => b.width * b.height - a.width * a.height || b.maxBitrateKbps - a.maxBitrateKbps);
  if (maxBitrate === undefined) return sorted;
  if (maxBitrate < SimulcastLayerPresets.DEFAULT_360.maxBitrateKbps) return []; // too little for more than one
  return sorted.map((layer, i) => (i === 0 ? { ...layer, maxBitrateKbps: Math.min(layer.maxBitrateKbps, maxBitrate) } : layer));
}
