// Conversion between colour standards. Planes are 4:2:0; the input has studio range.
#ifndef ROSTRUM_COLOUR_H
#define ROSTRUM_COLOUR_H

#include <stddef.h>
#include <stdint.h>

typedef enum { BT709, BT601 } Standard;
typedef struct {
	int yy, yb, yr, bb, br, rb, rr; // the first component by the second, in 1/2^14
	int black;
} Conversion;
Conversion colour_conversion(Standard from, Standard to, int to_full);
// Converts an even size of pixels; the planes may be the same.
void colour_convert(Conversion c, const uint8_t *const from[3], const int stride[3], uint8_t *const to[3], const int to_stride[3], int w, int h);

#endif
