//go:build cgo

// Command rostrum-media does what needs native codecs, one job a process, so that a
// fault in a codec ends that job alone. It is a participant like any other: it has a
// token, and reaches the stage over the public wire.
//
//	rostrum-media compose            one composition; the Job comes on standard input
//	rostrum-media compose -o x.mp4   the same for people: a token in, a file out
//	rostrum-media encoders           which encoders work on this machine
//
// The channel between compose and its supervisor is told in
// internal/worker. Nothing but Reports is written to standard output.
//
// The command needs cgo and FFmpeg's libraries; without them it isn't built, and
// rostrum works without compositions.
package main
