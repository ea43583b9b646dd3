// Package testpattern makes the media of a test participant: a moving picture with a
// burnt-in clock, colours and a pitch that identify the sender, and a beep with a flash at
// each second. It needs no codec library. The picture is drawn in flat cells of 8x8 pixels,
// which an H.264 encoder of a few hundred lines can encode exactly; the tones are short
// Opus recordings.
//
// # What is in the picture
//
// A picture is 40 cells wide and 22 high, from the top left corner; a cell is
// 8·s pixels wide and high, with s = min(width div 320, height div 176). The rest at the
// right and the bottom has the participant's colour.
//
//	row 0       clock strip: 32 bits, milliseconds of Unix time mod 2³², then 8 bits of check
//	row 1       frame strip: 16 bits frame number, 16 bits identity, then 8 bits of check
//	rows 2-9    the clock for people, UTC: minutes, seconds, milliseconds
//	rows 10-17  the identity in hexadecimal; at columns 26 to 35 the flash
//	rows 18-21  a block that moves to the right and back in two seconds
//
// A strip has one bit a cell, most significant first: black is 0, white is 1. The
// check is CRC-8 (polynomial 0x07, start 0xFF) over the four bytes before it. The
// flash is white during the first tenth of each second of the stream, while the
// tone beeps, and black otherwise.
//
// Each picture also carries its Mark in an SEI message (user data unregistered),
// to the microsecond.
//
// # How it is encoded
//
// Constrained baseline, one slice a picture, CAVLC, no deblocking. A macroblock
// is I_16x16, predicted from its left (or upper) neighbour, with at most four DC
// coefficients: at QP 16 and a chroma offset of 6 their quantisation is lossless
// for cells of 8x8. P pictures skip unchanged macroblocks. To reach a configured bit rate,
// macroblocks are repeated as I_PCM, which does not change the picture.
package testpattern
