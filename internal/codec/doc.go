// Package codec decodes H.264, VP8, VP9, Opus and AAC, scales pictures onto a canvas, and
// encodes H.264, AAC and Opus. It is a thin layer of C over FFmpeg's libraries
// (libavcodec 58 to 61, FFmpeg 4.3 to 7.1) that handles single frames; all timing is in
// Go, in the callers.
//
// The H.264 encoder is chosen by name: libx264, h264_nvenc, h264_vaapi, h264_qsv,
// h264_videotoolbox, or any other encoder of the libraries that takes planar 4:2:0
// pictures.
//
// The memory of frames is allocated in C. Close frees it, never a finalizer: the holder
// of a Picture, Tile, Canvas, decoder or encoder must close it once. Nothing here may be
// used after its Close, nor by two goroutines at a time, except that several may draw a
// Picture.
//
// Bitstreams are untrusted. A picture larger than MaxPixels is refused before its memory
// is allocated; concealed errors are reported as damage. A fault in a decoder ends the
// process, so callers run in a process of their own.
//
// The package needs cgo. Without cgo, as in cross builds and in cmd/rostrum, it is empty,
// and so are the packages that import it.
package codec
