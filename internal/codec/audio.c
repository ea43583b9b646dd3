//go:build cgo

#include "codec.h"
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE 48000

// FFmpeg 5.1 replaced channel masks by AVChannelLayout; 7.0 removed the masks.
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 28, 100)
static void set_stereo(AVCodecContext *x) { av_channel_layout_default(&x->ch_layout, 2); }
static int channels(const AVFrame *f) { return f->ch_layout.nb_channels; }
static int same_layout(AVFrame *f, const AVCodecContext *x) { return av_channel_layout_copy(&f->ch_layout, &x->ch_layout); }
static int to_stereo(SwrContext **s, AVFrame *f) {
	AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
	return swr_alloc_set_opts2(s, &stereo, AV_SAMPLE_FMT_FLT, RATE, &f->ch_layout, f->format, f->sample_rate, 0, NULL);
}
#else
static void set_stereo(AVCodecContext *x) {
	x->channels = 2;
	x->channel_layout = AV_CH_LAYOUT_STEREO;
}
static int channels(const AVFrame *f) { return f->channels; }
static int same_layout(AVFrame *f, const AVCodecContext *x) {
	f->channels = x->channels;
	f->channel_layout = x->channel_layout;
	return 0;
}
static int to_stereo(SwrContext **s, AVFrame *f) {
	*s = swr_alloc_set_opts(NULL, AV_CH_LAYOUT_STEREO, AV_SAMPLE_FMT_FLT, RATE, av_get_default_channel_layout(f->channels), f->format,
	                        f->sample_rate, 0, NULL);
	return *s ? 0 : AVERROR(ENOMEM);
}
#endif

struct AudioDecoder {
	AVCodecContext *ctx;
	AVPacket *packet;
	AVFrame *frame;
	SwrContext *swr;
	int rate, channels, format; // that swr was made for
};

int audio_decoder_open(AudioDecoder **out, const char *name, const uint8_t *extra, int extra_size) {
	const AVCodec *codec = avcodec_find_decoder_by_name(name);
	if (!codec) return AVERROR_DECODER_NOT_FOUND;
	AudioDecoder *d = calloc(1, sizeof *d);
	if (!d) return AVERROR(ENOMEM);
	d->ctx = avcodec_alloc_context3(codec);
	d->packet = av_packet_alloc();
	d->frame = av_frame_alloc();
	int r = AVERROR(ENOMEM);
	if (!d->ctx || !d->packet || !d->frame) goto fail;
	d->ctx->sample_rate = RATE;
	d->ctx->thread_count = 1;
	set_stereo(d->ctx);
	if (extra_size > 0) {
		if (!(d->ctx->extradata = av_mallocz(extra_size + AV_INPUT_BUFFER_PADDING_SIZE))) goto fail;
		memcpy(d->ctx->extradata, extra, extra_size);
		d->ctx->extradata_size = extra_size;
	}
	if ((r = avcodec_open2(d->ctx, codec, NULL)) < 0) goto fail;
	*out = d;
	return 0;
fail:
	audio_decoder_close(d);
	return r;
}

static int resample(AudioDecoder *d, float *out, int capacity) {
	AVFrame *f = d->frame;
	if (!d->swr || f->sample_rate != d->rate || channels(f) != d->channels || f->format != d->format) {
		swr_free(&d->swr);
		int r = to_stereo(&d->swr, f);
		if (r < 0 || (r = swr_init(d->swr)) < 0) {
			swr_free(&d->swr);
			return r;
		}
		d->rate = f->sample_rate;
		d->channels = channels(f);
		d->format = f->format;
	}
	uint8_t *o = (uint8_t *)out;
	return swr_convert(d->swr, &o, capacity, (const uint8_t **)f->extended_data, f->nb_samples);
}

int audio_decoder_decode(AudioDecoder *d, const uint8_t *data, int size, float *out, int capacity) {
	int total = 0, r = av_new_packet(d->packet, size);
	if (r < 0) return r;
	memcpy(d->packet->data, data, size);
	r = avcodec_send_packet(d->ctx, d->packet);
	av_packet_unref(d->packet);
	if (r < 0) return r;
	while ((r = avcodec_receive_frame(d->ctx, d->frame)) >= 0) {
		r = resample(d, out + 2 * total, capacity - total);
		av_frame_unref(d->frame);
		if (r < 0) return r;
		total += r;
	}
	return r == AVERROR(EAGAIN) || r == AVERROR_EOF ? total : r;
}

void audio_decoder_close(AudioDecoder *d) {
	if (!d) return;
	swr_free(&d->swr);
	avcodec_free_context(&d->ctx);
	av_packet_free(&d->packet);
	av_frame_free(&d->frame);
	free(d);
}

struct AudioEncoder {
	AVCodecContext *ctx;
	AVPacket *packet;
	AVFrame *frame;
	int64_t pts;
};

int audio_encoder_open(AudioEncoder **out, const char *name, int64_t bitrate) {
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	if (!codec) return AVERROR_ENCODER_NOT_FOUND;
	AudioEncoder *e = calloc(1, sizeof *e);
	if (!e) return AVERROR(ENOMEM);
	e->ctx = avcodec_alloc_context3(codec);
	e->packet = av_packet_alloc();
	e->frame = av_frame_alloc();
	int r = AVERROR(ENOMEM);
	if (!e->ctx || !e->packet || !e->frame) goto fail;
	AVCodecContext *x = e->ctx;
	x->sample_rate = RATE;
	x->bit_rate = bitrate;
	x->time_base = (AVRational){1, RATE};
	x->sample_fmt = AV_SAMPLE_FMT_FLTP;
	x->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	set_stereo(x);
	if (codec->id == AV_CODEC_ID_OPUS) {
		// For samples of 16 bits libopus encodes what is below their precision, such as the decay
		// of its high-pass after a sound, as silence of 3 bytes, not at the highest bitrate.
		x->sample_fmt = AV_SAMPLE_FMT_S16;
		x->compression_level = 5; // needs 40 % less time than 10, the default
	}
	// AAC keeps the default coder. "fast" needs 2 to 3 % of a core less, but distorts tones
	// louder than half of full scale.
	if ((r = avcodec_open2(x, codec, NULL)) < 0) goto fail;
	e->frame->nb_samples = x->frame_size;
	e->frame->format = x->sample_fmt;
	e->frame->sample_rate = RATE;
	if ((r = same_layout(e->frame, x)) < 0 || (r = av_frame_get_buffer(e->frame, 0)) < 0) goto fail;
	*out = e;
	return 0;
fail:
	audio_encoder_close(e);
	return r;
}

int audio_encoder_frame(const AudioEncoder *e) { return e->ctx->frame_size; }

int audio_encoder_delay(const AudioEncoder *e) { return e->ctx->initial_padding; }

int audio_encoder_config(const AudioEncoder *e, const uint8_t **out) {
	*out = e->ctx->extradata;
	return e->ctx->extradata_size;
}

int audio_encoder_send(AudioEncoder *e, const float *in) {
	int n = e->ctx->frame_size, r = av_frame_make_writable(e->frame);
	if (r < 0) return r;
	if (e->ctx->sample_fmt == AV_SAMPLE_FMT_S16) {
		int16_t *out = (int16_t *)e->frame->data[0];
		for (int i = 0; i < 2 * n; i++) out[i] = lrintf(fminf(fmaxf(in[i] * 32768, INT16_MIN), INT16_MAX));
	} else {
		float *left = (float *)e->frame->data[0], *right = (float *)e->frame->data[1];
		for (int i = 0; i < n; i++) {
			left[i] = in[2 * i];
			right[i] = in[2 * i + 1];
		}
	}
	e->frame->pts = e->pts;
	e->pts += n;
	return avcodec_send_frame(e->ctx, e->frame);
}

int audio_encoder_receive(AudioEncoder *e, AVPacket **out) {
	av_packet_unref(e->packet);
	int r = avcodec_receive_packet(e->ctx, e->packet);
	if (r == AVERROR(EAGAIN) || r == AVERROR_EOF) return 0;
	*out = e->packet;
	return r < 0 ? r : 1;
}

void audio_encoder_close(AudioEncoder *e) {
	if (!e) return;
	avcodec_free_context(&e->ctx);
	av_packet_free(&e->packet);
	av_frame_free(&e->frame);
	free(e);
}
