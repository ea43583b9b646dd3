//go:build cgo

// Command rostrum-media does what needs native codecs, one job a process, so that a
// fault in a codec ends that job alone.
//
//	rostrum-media compose            one composition; the Job comes on standard input
//	rostrum-media compose -o x.mp4   the same by hand: a token in, a file out
//	rostrum-media compose-recordings participants' recordings into one MP4, for rostrum recordings
//	rostrum-media thumbnails         pictures of participants, as JPEG, for the server
//	rostrum-media encoders           which encoders work on this machine
//
// Package internal/worker defines the protocol between compose and the process that
// started it. Nothing but Reports is written to standard output.
//
// The command needs cgo and FFmpeg's libraries. Without them it is not built, and
// rostrum works without compositions.
package main
