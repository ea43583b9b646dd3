// Package codec turns coded pictures and sound into frames and back: decodes
// H.264, VP8, VP9, Opus and AAC, scales pictures onto a canvas, encodes H.264, AAC
// and Opus. It is a thin layer of C over FFmpeg's libraries (libavcodec 58 to 61,
// FFmpeg 4.3 to 7.1) that deals in frames alone; when something happens is decided
// by its callers, in Go.
//
// Whether the H.264 encoder is software or hardware is a name: libx264, h264_nvenc,
// h264_vaapi, h264_qsv, h264_videotoolbox or whatever else the libraries have that
// takes planar 4:2:0 pictures.
//
// All memory of frames is C's. It is freed by Close, never by a finalizer: whoever
// holds a Picture, Tile, Canvas, decoder or encoder closes it, once. Nothing here
// may be used after its Close, nor by two goroutines at a time, but a Picture may
// be drawn by several.
//
// Bitstreams are hostile. A picture larger than MaxPixels is refused before its
// memory is allocated; concealed errors are reported as damage. What a decoder may
// still do wrong ends the process: run it in one that may die.
//
// The package needs cgo. Without it, as in cross builds and in cmd/rostrum, it is
// empty, and so is what stands on it.
package codec
