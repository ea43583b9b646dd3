//go:build cgo

#include "codec.h"
#include <libavutil/imgutils.h>

int jpeg_encode(const uint8_t *const planes[3], const int stride[3], int w, int h, int quantiser, AVPacket **out) {
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
	if (!codec) return AVERROR_ENCODER_NOT_FOUND;
	AVCodecContext *x = avcodec_alloc_context3(codec);
	AVFrame *f = av_frame_alloc();
	AVPacket *p = av_packet_alloc();
	int r = AVERROR(ENOMEM);
	if (!x || !f || !p) goto end;
	x->width = f->width = w;
	x->height = f->height = h;
	x->pix_fmt = f->format = AV_PIX_FMT_YUVJ420P;
	x->color_range = f->color_range = AVCOL_RANGE_JPEG;
	x->time_base = (AVRational){1, 1};
	x->thread_count = 1;
	x->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT; // exact: without a comment
	x->global_quality = f->quality = quantiser * FF_QP2LAMBDA;
	if ((r = avcodec_open2(x, codec, NULL)) < 0) goto end;
	if ((r = av_frame_get_buffer(f, 0)) < 0) goto end;
	for (int i = 0; i < 3; i++)
		av_image_copy_plane(f->data[i], f->linesize[i], planes[i], stride[i], i ? (w + 1) / 2 : w, i ? (h + 1) / 2 : h);
	f->pts = 0;
	if ((r = avcodec_send_frame(x, f)) < 0) goto end;
	r = avcodec_receive_packet(x, p);
end:
	avcodec_free_context(&x);
	av_frame_free(&f);
	if (r < 0) av_packet_free(&p);
	*out = p;
	return r;
}
