/** Finds the first attribute of a name in a description. */
export const attribute = (sdp: string, name: string): string => sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0].trim() ?? '';

/**
 * Adds to an offer what browsers support but don't offer by themselves: NACK for
 * audio, receiver reference time reports (RFC 3611), stereo, and that Chromium accepts
 * no H.264 keyframe whose parameter sets were lost, which it would decode with those of
 * another layer.
 */
export function extendOffer(sdp: string): string {
  return sdp
    .replaceAll(/^a=rtpmap:(\d+) opus\/.*\r\n/gim, (line, pt) => `${line}a=rtcp-fb:${pt} nack\r\n`)
    .replaceAll(/^a=rtcp-fb:(\d+) transport-cc\r\n/gm, (line, pt) => `${line}a=rtcp-fb:${pt} rrtr\r\n`)
    .replaceAll(/^a=fmtp:\d+ minptime=[^\r]*/gm, '$&;stereo=1')
    .replaceAll(/^a=fmtp:\d+ .*packetization-mode=[^\r]*/gm, '$&;sps-pps-idr-in-keyframe=1');
}

/** What a publisher's encoders should do beyond what their parameters can say. */
export interface EncoderHints {
  stereo: boolean;
  minBitrate?: number; // kbit/s
}

/** Has an answer ask for it, as a browser heeds the wishes of its receiver. */
export function extendAnswer(sdp: string, { stereo, minBitrate }: EncoderHints): string {
  const opus = sdp.match(/^a=rtpmap:(\d+) opus\//im)?.[1];
  let extended = sdp;
  if (stereo && opus) {
    const fmtp = new RegExp(`^a=fmtp:${opus} [^\\r\\n]*`, 'm');
    extended = fmtp.test(extended)
      ? extended.replace(fmtp, '$&;stereo=1;sprop-stereo=1')
      : extended.replace(/^a=rtpmap:\d+ opus\/[^\r\n]*\r?\n/im, `$&a=fmtp:${opus} stereo=1;sprop-stereo=1\r\n`);
  }
  if (minBitrate) extended = extended.replaceAll(/^a=fmtp:\d+ .*packetization-mode=[^\r\n]*/gm, `$&;x-google-min-bitrate=${minBitrate}`);
  return extended;
}

/** The video codec that an answer has be sent: the first one. Empty without video. */
export function videoCodec(sdp: string): string {
  const payloadType = sdp.match(/^m=video [1-9]\S* \S+ (\d+)/m)?.[1];
  return (payloadType && sdp.match(new RegExp(`^a=rtpmap:${payloadType} ([^/]+)/`, 'm'))?.[1]?.toUpperCase()) || '';
}

/** Puts the ICE credentials of a fragment into a description. */
export function withCredentials(sdp: string, fragment: string): string {
  return ['ice-ufrag', 'ice-pwd'].reduce((text, name) => text.replaceAll(new RegExp(`^a=${name}:.*$`, 'gm'), attribute(fragment, name)), sdp);
}

/** The fragment that restarts ICE with the credentials of an offer (RFC 9725 §4.3.3). */
export function restartFragment(sdp: string): string {
  return [attribute(sdp, 'ice-ufrag'), attribute(sdp, 'ice-pwd'), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', attribute(sdp, 'mid'), ''].join('\r\n');
}

/** Reads the TURN servers from the Link header of an answer (RFC 9725 §4.6). */
export function turnServers(header: string | null): RTCIceServer[] {
  const links = (header ?? '').matchAll(/<(turns?:[^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g);
  return [...links].map(([, urls, username, credential]) => ({ urls: urls!, username, credential }));
}
