//go:build cgo

#include "codec.h"
#include "colour.h"
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

struct Tile {
	struct SwsContext *sws;
	int full;        // whether the input of sws has full range
	AVFrame *scaled; // in its own memory, with padded lines
	AVFrame *unscaled; // a reference to a picture that needs no scaling
	const uint8_t *data[3];
	int stride[3], width, height;
};

Tile *tile_new(void) {
	Tile *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->scaled = av_frame_alloc();
	t->unscaled = av_frame_alloc();
	if (!t->scaled || !t->unscaled) {
		tile_free(t);
		return NULL;
	}
	return t;
}

void tile_free(Tile *t) {
	if (!t) return;
	sws_freeContext(t->sws);
	av_frame_free(&t->scaled);
	av_frame_free(&t->unscaled);
	free(t);
}

// crop finds the corner of a rectangle in each plane.
static int crop(const AVFrame *f, int x, int y, const uint8_t *data[4]) {
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
	if (!d || !(d->flags & AV_PIX_FMT_FLAG_PLANAR) || d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_HWACCEL) ||
	    d->nb_components != 3 || d->log2_chroma_w > 1 || d->log2_chroma_h > 1)
		return AVERROR_PATCHWELCOME;
	for (int i = 0; i < 3; i++) {
		int plane = d->comp[i].plane;
		if (plane != i || !f->data[i]) return AVERROR_PATCHWELCOME;
		int sx = i ? x >> d->log2_chroma_w : x, sy = i ? y >> d->log2_chroma_h : y;
		data[i] = f->data[i] + (ptrdiff_t)sy * f->linesize[i] + (ptrdiff_t)sx * d->comp[i].step;
	}
	data[3] = NULL;
	return 0;
}

static int resize(AVFrame *f, int w, int h) {
	if (f->width == w && f->height == h) return 0;
	av_frame_unref(f);
	f->width = w;
	f->height = h;
	f->format = AV_PIX_FMT_YUV420P;
	// swscale writes up to one vector beyond the width: the lines need padding, and must
	// never be those of the canvas.
	int r = av_frame_get_buffer(f, 64);
	if (r < 0) av_frame_unref(f);
	return r;
}

// limited is the format without its range, as swscale does internally.
static int limited(int format) {
	switch (format) {
	case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
	case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
	case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
	case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
	}
	return format;
}

// colour converts a tile from BT.601 to the canvas's BT.709. A picture without a colour
// space is treated as BT.709, as in Chromium.
static int colour(Tile *t, const AVFrame *f) {
	if (f->colorspace != AVCOL_SPC_SMPTE170M && f->colorspace != AVCOL_SPC_BT470BG) return 0;
	int r = resize(t->scaled, t->width, t->height);
	if (r < 0) return r;
	colour_convert(colour_conversion(BT601, BT709, 0), t->data, t->stride, t->scaled->data, t->scaled->linesize, t->width, t->height);
	for (int i = 0; i < 3; i++) {
		t->data[i] = t->scaled->data[i];
		t->stride[i] = t->scaled->linesize[i];
	}
	return 0;
}

int tile_scale(Tile *t, const AVFrame *f, int x, int y, int w, int h, int to_w, int to_h) {
	const uint8_t *from[4];
	if (x < 0 || y < 0 || w < 1 || h < 1 || x + w > f->width || y + h > f->height || to_w < 2 || to_h < 2) return AVERROR(EINVAL);
	int r = crop(f, x, y, from);
	if (r < 0) return r;
	int format = limited(f->format), full = f->color_range == AVCOL_RANGE_JPEG || format != f->format;
	t->width = to_w;
	t->height = to_h;
	av_frame_unref(t->unscaled);
	if (w == to_w && h == to_h && format == AV_PIX_FMT_YUV420P && !full) {
		if ((r = av_frame_ref(t->unscaled, f)) < 0) return r;
		for (int i = 0; i < 3; i++) {
			t->data[i] = from[i];
			t->stride[i] = f->linesize[i];
		}
		return colour(t, f);
	}
	if ((r = resize(t->scaled, to_w, to_h)) < 0) return r;
	struct SwsContext *before = t->sws;
	t->sws = sws_getCachedContext(t->sws, w, h, format, to_w, to_h, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
	if (!t->sws) return AVERROR(EINVAL);
	if (before != t->sws || full != t->full) {
		const int *c = sws_getCoefficients(SWS_CS_DEFAULT);
		sws_setColorspaceDetails(t->sws, c, full, c, 0, 0, 1 << 16, 1 << 16);
		t->full = full;
	}
	r = sws_scale(t->sws, from, f->linesize, 0, h, t->scaled->data, t->scaled->linesize);
	if (r < 0) return r;
	for (int i = 0; i < 3; i++) {
		t->data[i] = t->scaled->data[i];
		t->stride[i] = t->scaled->linesize[i];
	}
	return colour(t, f);
}

struct Canvas {
	AVFrame *frame;
};

int canvas_new(Canvas **out, int w, int h) {
	Canvas *c = calloc(1, sizeof *c);
	if (!c) return AVERROR(ENOMEM);
	if (!(c->frame = av_frame_alloc())) {
		canvas_free(c);
		return AVERROR(ENOMEM);
	}
	c->frame->color_range = AVCOL_RANGE_MPEG;
	int r = resize(c->frame, w, h);
	if (r < 0) {
		canvas_free(c);
		return r;
	}
	canvas_fill(c, 0, 0, w, h, 16);
	*out = c;
	return 0;
}

void canvas_free(Canvas *c) {
	if (!c) return;
	av_frame_free(&c->frame);
	free(c);
}

// The encoder may still hold a reference to the last picture; then drawing goes to a copy.
int canvas_make_writable(Canvas *c) { return av_frame_make_writable(c->frame); }

uint8_t *canvas_plane(Canvas *c, int i, int *stride) {
	*stride = c->frame->linesize[i];
	return c->frame->data[i];
}

void canvas_fill(Canvas *c, int x, int y, int w, int h, int luma) {
	for (int i = 0; i < 3; i++) {
		int k = i ? 1 : 0;
		for (int row = y >> k; row < (y + h) >> k; row++)
			memset(c->frame->data[i] + (ptrdiff_t)row * c->frame->linesize[i] + (x >> k), i ? 128 : luma, w >> k);
	}
}

void canvas_put(Canvas *c, const Tile *t, int x, int y) {
	for (int i = 0; i < 3; i++) {
		int k = i ? 1 : 0;
		if (!t->data[i]) return;
		av_image_copy_plane(c->frame->data[i] + (ptrdiff_t)(y >> k) * c->frame->linesize[i] + (x >> k), c->frame->linesize[i],
		                    t->data[i], t->stride[i], t->width >> k, t->height >> k);
	}
}

void canvas_copy_jpeg(Canvas *c, uint8_t *y, uint8_t *cb, uint8_t *cr) {
	AVFrame *f = c->frame;
	const uint8_t *from[] = {f->data[0], f->data[1], f->data[2]};
	uint8_t *to[] = {y, cb, cr};
	const int stride[] = {f->width, f->width / 2, f->width / 2};
	colour_convert(colour_conversion(BT709, BT601, 1), from, f->linesize, to, stride, f->width, f->height);
}

AVFrame *canvas_frame(Canvas *c) { return c->frame; }
