//go:build cgo

#include "codec.h"
#include <libavutil/hwcontext.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

AVFrame *canvas_frame(Canvas *c);

struct VideoEncoder {
	AVCodecContext *ctx;
	AVPacket *packet;
	AVFrame *nv12; // for encoders that need NV12
	AVBufferRef *device;
};

// Options for live encoding: no delay, and an IDR for every requested keyframe. Encoders
// ignore the options of others.
static void set_live_options(AVCodecContext *x, const char *name, int quality) {
	void *o = x->priv_data;
	if (!strcmp(name, "libx264")) {
		av_opt_set(o, "preset", quality ? "superfast" : "veryfast", 0);
		if (quality) {
			av_opt_set_int(o, "crf", quality, 0);
			x->bit_rate = 0;
		}
		av_opt_set(o, "tune", "zerolatency", 0);
		av_opt_set(o, "x264-params", "scenecut=0", 0);
	} else if (strstr(name, "nvenc")) {
		av_opt_set(o, "preset", "p3", 0);
		av_opt_set(o, "tune", "ll", 0);
		av_opt_set(o, "zerolatency", "1", 0);
		av_opt_set(o, "delay", "0", 0);
	} else if (strstr(name, "qsv")) {
		av_opt_set(o, "async_depth", "1", 0);
	} else if (strstr(name, "videotoolbox")) {
		av_opt_set(o, "realtime", "1", 0);
	}
	av_opt_set(o, "forced-idr", "1", 0);
	av_opt_set(o, "forced_idr", "1", 0); // for QSV
	av_opt_set(o, "profile", "main", 0);
}

static AVFrame *new_nv12(int w, int h) {
	AVFrame *f = av_frame_alloc();
	if (!f) return NULL;
	f->width = w;
	f->height = h;
	f->format = AV_PIX_FMT_NV12;
	if (av_frame_get_buffer(f, 0) < 0) av_frame_free(&f);
	return f;
}

// VAAPI encodes pictures in device memory.
static int use_vaapi(VideoEncoder *e) {
	int r = av_hwdevice_ctx_create(&e->device, AV_HWDEVICE_TYPE_VAAPI, NULL, NULL, 0);
	if (r < 0) return r;
	AVBufferRef *frames = av_hwframe_ctx_alloc(e->device);
	if (!frames) return AVERROR(ENOMEM);
	AVHWFramesContext *f = (AVHWFramesContext *)frames->data;
	f->format = AV_PIX_FMT_VAAPI;
	f->sw_format = AV_PIX_FMT_NV12;
	f->width = e->ctx->width;
	f->height = e->ctx->height;
	f->initial_pool_size = 8;
	if ((r = av_hwframe_ctx_init(frames)) < 0) {
		av_buffer_unref(&frames);
		return r;
	}
	e->ctx->hw_frames_ctx = frames; // freed with the context
	e->ctx->pix_fmt = AV_PIX_FMT_VAAPI;
	return 0;
}

static int open_encoder(VideoEncoder *e, const AVCodec *codec, const char *name, VideoEncoderConfig c) {
	AVCodecContext *x = e->ctx;
	x->width = c.width;
	x->height = c.height;
	x->pix_fmt = AV_PIX_FMT_YUV420P;
	x->color_range = AVCOL_RANGE_MPEG;
	x->colorspace = AVCOL_SPC_BT709; // without it players guess by the size
	x->color_primaries = AVCOL_PRI_BT709;
	x->color_trc = AVCOL_TRC_BT709;
	x->framerate = (AVRational){c.rate_num, c.rate_den};
	x->time_base = c.tick_rate ? (AVRational){1, c.tick_rate} : (AVRational){c.rate_den, c.rate_num};
	x->bit_rate = x->rc_max_rate = c.bitrate;
	x->rc_buffer_size = c.bitrate < INT_MAX ? (int)c.bitrate : INT_MAX; // one second
	x->gop_size = c.keyframe_ticks;
	x->max_b_frames = 0;
	x->thread_count = c.threads;
	set_live_options(x, name, c.quality);
	int vaapi = strstr(name, "vaapi") != NULL;
	if (vaapi || strstr(name, "qsv")) {
		if (!(e->nv12 = new_nv12(c.width, c.height))) return AVERROR(ENOMEM);
		x->pix_fmt = AV_PIX_FMT_NV12;
	}
	if (vaapi) {
		int r = use_vaapi(e);
		if (r < 0) return r;
	}
	return avcodec_open2(x, codec, NULL);
}

int video_encoder_open(VideoEncoder **out, const char *name, VideoEncoderConfig c) {
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	if (!codec || codec->id != AV_CODEC_ID_H264) return AVERROR_ENCODER_NOT_FOUND;
	VideoEncoder *e = calloc(1, sizeof *e);
	if (!e) return AVERROR(ENOMEM);
	e->ctx = avcodec_alloc_context3(codec);
	e->packet = av_packet_alloc();
	int r = e->ctx && e->packet ? open_encoder(e, codec, name, c) : AVERROR(ENOMEM);
	if (r < 0) {
		video_encoder_close(e);
		return r;
	}
	*out = e;
	return 0;
}

static int interleave(AVFrame *to, const AVFrame *from) {
	int r = av_frame_make_writable(to);
	if (r < 0) return r;
	av_image_copy_plane(to->data[0], to->linesize[0], from->data[0], from->linesize[0], from->width, from->height);
	for (int y = 0; y < from->height / 2; y++) {
		const uint8_t *u = from->data[1] + (ptrdiff_t)y * from->linesize[1], *v = from->data[2] + (ptrdiff_t)y * from->linesize[2];
		uint8_t *uv = to->data[1] + (ptrdiff_t)y * to->linesize[1];
		for (int x = 0; x < from->width / 2; x++) {
			uv[2 * x] = u[x];
			uv[2 * x + 1] = v[x];
		}
	}
	return 0;
}

static int upload(VideoEncoder *e, AVFrame *to, const AVFrame *from) {
	int r = av_hwframe_get_buffer(e->ctx->hw_frames_ctx, to, 0);
	return r < 0 ? r : av_hwframe_transfer_data(to, from, 0);
}

int video_encoder_send(VideoEncoder *e, Canvas *c, int64_t pts, int keyframe) {
	if (!c) return avcodec_send_frame(e->ctx, NULL);
	AVFrame *f = av_frame_alloc();
	if (!f) return AVERROR(ENOMEM);
	int r = 0;
	if (e->nv12) r = interleave(e->nv12, canvas_frame(c));
	if (r >= 0) r = e->device ? upload(e, f, e->nv12) : av_frame_ref(f, e->nv12 ? e->nv12 : canvas_frame(c));
	if (r >= 0) {
		f->pts = pts;
		f->pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
		r = avcodec_send_frame(e->ctx, f);
	}
	av_frame_free(&f);
	return r;
}

int video_encoder_receive(VideoEncoder *e, AVPacket **out) {
	av_packet_unref(e->packet);
	int r = avcodec_receive_packet(e->ctx, e->packet);
	if (r == AVERROR(EAGAIN) || r == AVERROR_EOF) return 0;
	*out = e->packet;
	return r < 0 ? r : 1;
}

void video_encoder_close(VideoEncoder *e) {
	if (!e) return;
	avcodec_free_context(&e->ctx);
	av_packet_free(&e->packet);
	av_frame_free(&e->nv12);
	av_buffer_unref(&e->device);
	free(e);
}
