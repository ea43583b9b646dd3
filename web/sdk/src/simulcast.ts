/** One simulcast layer that a camera is encoded to. */
export interface SimulcastLocalLayerConfiguration {
  width: number;
  height: number;
  maxBitrateKbps: number;
  maxFramerate: number;
}

export interface SimulcastConfiguration {
  enabled: boolean;
  /** At most three; 720, 360 and 180 unless said otherwise. */
  layers?: SimulcastLocalLayerConfiguration[];
}

const layer = (width: number, height: number, maxBitrateKbps: number, maxFramerate = 30): Readonly<SimulcastLocalLayerConfiguration> => Object.freeze({ width, height, maxBitrateKbps, maxFramerate });

/** Layers by their height. */
export const SimulcastLayerPresets = Object.freeze({
  DEFAULT_160: layer(284, 160, 250, 15),
  DEFAULT_180: layer(320, 180, 350, 15),
  DEFAULT_270: layer(480, 270, 500),
  DEFAULT_360: layer(640, 360, 900),
  DEFAULT_480: layer(854, 480, 1300),
  DEFAULT_540: layer(960, 540, 1600),
  DEFAULT_720: layer(1280, 720, 2500),
});

const { DEFAULT_720, DEFAULT_360, DEFAULT_180 } = SimulcastLayerPresets;
const labels = ['hi', 'mid', 'low'];
const defaultBitrate = 2500; // kbit/s

export interface InBandMessagingStageVideoConfiguration {
  enabled: boolean;
}

/** How a video is encoded. */
export interface StageVideoConfiguration {
  minBitrate?: number; // kbit/s
  /** @deprecated Use maxVideoBitrateKbps. */
  maxBitrate?: number; // kbit/s
  maxVideoBitrateKbps?: number;
  maxFramerate?: number;
  simulcast?: SimulcastConfiguration;
  inBandMessaging?: InBandMessagingStageVideoConfiguration;
}

/** The size of a picture. */
export interface Size {
  width: number;
  height: number;
}

/** The encodings of a video, the best first. Without simulcast there is one. */
export function encodingsOf(config: StageVideoConfiguration, size: Size): RTCRtpEncodingParameters[] {
  const layers = layersOf(config);
  if (layers.length === 0) return [{ maxBitrate: 1000 * (maxBitrateOf(config) ?? defaultBitrate), maxFramerate: config.maxFramerate ?? 30 }];
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
export function layersOf(config: StageVideoConfiguration): SimulcastLocalLayerConfiguration[] {
  const { simulcast } = config;
  if (!simulcast?.enabled) return [];
  const layers = simulcast.layers?.length ? simulcast.layers.slice(0, labels.length) : [DEFAULT_720, DEFAULT_360, DEFAULT_180];
  const sorted = layers.sort((a, b) => b.width * b.height - a.width * a.height || b.maxBitrateKbps - a.maxBitrateKbps);
  const maxBitrate = maxBitrateOf(config);
  if (maxBitrate === undefined) return sorted;
  if (maxBitrate < DEFAULT_360.maxBitrateKbps) return []; // too little for more than one
  return sorted.map((layer) => ({ ...layer, maxBitrateKbps: Math.min(layer.maxBitrateKbps, maxBitrate) }));
}

const maxBitrateOf = ({ maxVideoBitrateKbps, maxBitrate }: StageVideoConfiguration): number | undefined => maxVideoBitrateKbps ?? maxBitrate;
