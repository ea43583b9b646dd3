//go:build cgo

#include "codec.h"
#include <stdlib.h>
#include <string.h>

struct VideoDecoder {
	AVCodecContext *ctx;
	AVPacket *packet;
};

int video_decoder_open(VideoDecoder **out, const char *name, int64_t max_pixels) {
	const AVCodec *codec = avcodec_find_decoder_by_name(name);
	if (!codec) return AVERROR_DECODER_NOT_FOUND;
	VideoDecoder *d = calloc(1, sizeof *d);
	if (!d) return AVERROR(ENOMEM);
	d->ctx = avcodec_alloc_context3(codec);
	d->packet = av_packet_alloc();
	if (!d->ctx || !d->packet) {
		video_decoder_close(d);
		return AVERROR(ENOMEM);
	}
	d->ctx->max_pixels = max_pixels; // checked before the memory is allocated
	d->ctx->thread_count = 1;        // participants are decoded in parallel; frame threads would add delay
	d->ctx->flags |= AV_CODEC_FLAG_LOW_DELAY;
	int r = avcodec_open2(d->ctx, codec, NULL);
	if (r < 0) {
		video_decoder_close(d);
		return r;
	}
	*out = d;
	return 0;
}

int video_decoder_send(VideoDecoder *d, const uint8_t *data, int size, int64_t pts) {
	int r = av_new_packet(d->packet, size); // adds the padding that decoders read into
	if (r < 0) return r;
	memcpy(d->packet->data, data, size);
	d->packet->pts = pts;
	r = avcodec_send_packet(d->ctx, d->packet);
	av_packet_unref(d->packet);
	return r;
}

int video_decoder_receive(VideoDecoder *d, AVFrame **out, int *damaged) {
	AVFrame *f = av_frame_alloc();
	if (!f) return AVERROR(ENOMEM);
	int r = avcodec_receive_frame(d->ctx, f);
	if (r < 0) {
		av_frame_free(&f);
		return r == AVERROR(EAGAIN) || r == AVERROR_EOF ? 0 : r;
	}
	*damaged = f->decode_error_flags != 0 || (f->flags & AV_FRAME_FLAG_CORRUPT) != 0;
	*out = f;
	return 1;
}

void video_decoder_close(VideoDecoder *d) {
	if (!d) return;
	avcodec_free_context(&d->ctx);
	av_packet_free(&d->packet);
	free(d);
}
