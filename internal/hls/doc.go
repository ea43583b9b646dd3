// Package hls writes media as HTTP Live Streaming (RFC 8216): fragmented MP4 segments and
// their playlists. It takes encoded samples; a [Store] takes the files.
//
// [Init] and [Fragment] make the parts of a fragmented MP4 (ISO 14496-12). A [Segmenter]
// cuts samples into segments at keyframes and writes the playlist: of type EVENT while the
// stream continues, VOD at its end. [Multivariant] lists the renditions.
//
//	multivariant.m3u8
//	<rendition>/playlist.m3u8
//	<rendition>/init-0.mp4    one for each discontinuity
//	<rendition>/0.mp4 1.mp4 …
//
// A [Muxer] writes an encoder's live stream into a [Live], which viewers read as low-latency
// HLS (RFC 8216bis):
//
//	live.m3u8
//	init<N>.mp4     one for each discontinuity
//	segment<N>.mp4  and its parts, part<N>.mp4
//	whole<N>.mp4    a segment after its initialization section
package hls
