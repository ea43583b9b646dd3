// Package hls writes media as HTTP Live Streaming (RFC 8216): fragmented MP4
// segments and their playlists. It takes coded samples and knows neither where they
// come from nor where the files go: a [Store] keeps them.
//
// [Init] and [Fragment] make the pieces of a fragmented MP4 (ISO 14496-12); a
// [Segmenter] cuts samples into segments at keyframes, and keeps the playlist: of
// type EVENT while it goes on, VOD in the end. [Multivariant] names the renditions.
//
//	multivariant.m3u8
//	<rendition>/playlist.m3u8
//	<rendition>/init-0.mp4    one for each discontinuity
//	<rendition>/0.mp4 1.mp4 …
package hls
