//go:build cgo

#include "colour.h"

#define ONE (1 << 14)
#define CHUNK 256

static int fixed(double v) { return (int)(v * ONE + (v < 0 ? -0.5 : 0.5)); }

// The luma weights are those of the standards (ITU-T H.273 table 4). The conversion of
// the three components is linear.
Conversion colour_conversion(Standard from, Standard to, int to_full) {
	const double red[] = {0.2126, 0.299}, blue[] = {0.0722, 0.114};
	double r1 = red[from], b1 = blue[from], g1 = 1 - r1 - b1, r2 = red[to], b2 = blue[to], g2 = 1 - r2 - b2;
	double luma = to_full ? 255. / 219 : 1, chroma = to_full ? 255. / 224 : 1, mixed = to_full ? 255. / 224 : 219. / 224;
	double yb = 2 * (1 - b1) * (b2 - g2 * b1 / g1), yr = 2 * (1 - r1) * (r2 - g2 * r1 / g1);
	return (Conversion){
		.yy = fixed(luma), .yb = fixed(yb * mixed), .yr = fixed(yr * mixed),
		.bb = fixed((2 * (1 - b1) - yb) / (2 * (1 - b2)) * chroma), .br = fixed(-yr / (2 * (1 - b2)) * chroma),
		.rb = fixed(-yb / (2 * (1 - r2)) * chroma), .rr = fixed((2 * (1 - r1) - yr) / (2 * (1 - r2)) * chroma),
		.black = to_full ? 0 : 16,
	};
}

static inline uint8_t clamp(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

void colour_convert(Conversion c, const uint8_t *const from[3], const int stride[3], uint8_t *const to[3], const int to_stride[3], int w, int h) {
	int shift[CHUNK]; // of luma, by the chroma of 2x2 pixels
	for (int row = 0; row < h / 2; row++)
		for (int begin = 0; begin < w / 2; begin += CHUNK) {
			int n = w / 2 - begin < CHUNK ? w / 2 - begin : CHUNK;
			const uint8_t *b = from[1] + (ptrdiff_t)row * stride[1] + begin, *r = from[2] + (ptrdiff_t)row * stride[2] + begin;
			uint8_t *b2 = to[1] + (ptrdiff_t)row * to_stride[1] + begin, *r2 = to[2] + (ptrdiff_t)row * to_stride[2] + begin;
			for (int x = 0; x < n; x++) {
				int pb = b[x] - 128, pr = r[x] - 128;
				shift[x] = c.yb * pb + c.yr * pr + (c.black << 14) + ONE / 2;
				b2[x] = clamp((c.bb * pb + c.br * pr + (128 << 14) + ONE / 2) >> 14);
				r2[x] = clamp((c.rb * pb + c.rr * pr + (128 << 14) + ONE / 2) >> 14);
			}
			for (int line = 2 * row; line < 2 * row + 2; line++) {
				const uint8_t *y = from[0] + (ptrdiff_t)line * stride[0] + 2 * begin;
				uint8_t *y2 = to[0] + (ptrdiff_t)line * to_stride[0] + 2 * begin;
				for (int x = 0; x < n; x++) {
					y2[2 * x] = clamp((c.yy * (y[2 * x] - 16) + shift[x]) >> 14);
					y2[2 * x + 1] = clamp((c.yy * (y[2 * x + 1] - 16) + shift[x]) >> 14);
				}
			}
		}
}
