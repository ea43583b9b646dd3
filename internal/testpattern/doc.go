// Package testpattern makes the media of a test participant: a drawn scene with a clock and
// the participant's name, colours and a pitch that identify the sender, and a beep with a
// flash at each second. It needs no codec library: an H.264 encoder of some hundred lines
// encodes the pictures, and the tones are short Opus recordings.
//
// # What is in the picture
//
// Places are in cells of 8·s pixels, with s = min(width div 320, height div 176).
//
//	row 0       the mark, in two strips of half a cell's height and 40 cells' width
//	rows 2-5    the name, or the identity in hexadecimal without one
//	rows 6-8    the time of day in UTC
//	the sky     bands of the participant's hue; the lamp of a lighthouse at the right flashes
//	the sea     from 62 % of the height on, in the participant's colour, with a sailing boat
//	at the foot the size of the video, by which layers can be told apart
//
// The strips are
//
//	clock strip  32 bits, milliseconds of Unix time mod 2³², then 8 bits of check
//	frame strip  16 bits frame number, 16 bits identity, then 8 bits of check
//
// with one bit a cell, most significant first: black is 0, white is 1. The check is CRC-8
// (polynomial 0x07, start 0xFF) over the four bytes before it. The lamp is white during the
// first tenth of each second of the stream, while the tone beeps, and dark otherwise. The
// boat crosses the picture in 12 seconds.
//
// Each picture also carries its Mark in an SEI message (user data unregistered),
// to the microsecond.
//
// # How it is encoded
//
// Constrained baseline, one slice a picture, CAVLC, no deblocking, all coded macroblocks
// I_16x16; P pictures skip what was not drawn on. Intra prediction is constrained, so that
// the macroblocks of the boat depend on nothing but each other: each position's are encoded
// once and copied when the boat comes by again. To reach a configured bit rate, macroblocks
// outside the boat's way are sent as I_PCM, which refines them; where a picture needs more
// than the bit rate, it is quantised more.
package testpattern
