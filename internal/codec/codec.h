// The C part of package codec. It handles single frames; all timing is in Go. Every open
// or new has its close or free, which accept NULL. Functions that return int return 0 or
// more, or a negative AVERROR.
#ifndef ROSTRUM_CODEC_H
#define ROSTRUM_CODEC_H

#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <stdint.h>

// Video.

typedef struct VideoDecoder VideoDecoder;
int video_decoder_open(VideoDecoder **out, const char *name, int64_t max_pixels);
int video_decoder_send(VideoDecoder *d, const uint8_t *data, int size, int64_t pts);
// Returns 1 and the next picture, which the caller frees, or 0 if there is none. damaged
// says that parts of it were concealed.
int video_decoder_receive(VideoDecoder *d, AVFrame **out, int *damaged);
void video_decoder_close(VideoDecoder *d);

typedef struct Tile Tile;
Tile *tile_new(void);
void tile_free(Tile *t);
// Scales a rectangle of a picture to a size. The tile may hold a reference to the picture.
int tile_scale(Tile *t, const AVFrame *picture, int x, int y, int w, int h, int to_w, int to_h);

typedef struct Canvas Canvas;
int canvas_new(Canvas **out, int w, int h);
void canvas_free(Canvas *c);
int canvas_make_writable(Canvas *c); // before each round of drawing
void canvas_fill(Canvas *c, int x, int y, int w, int h, int luma);
void canvas_put(Canvas *c, const Tile *t, int x, int y);
uint8_t *canvas_plane(Canvas *c, int i, int *stride);
// Copies the canvas into planes without padding, in the colours of JPEG: BT.601, full range.
void canvas_copy_jpeg(Canvas *c, uint8_t *y, uint8_t *cb, uint8_t *cr);

// Encodes planes of 4:2:0 in the colours of JPEG into a packet, which the caller frees.
int jpeg_encode(const uint8_t *const planes[3], const int stride[3], int w, int h, int quantiser, AVPacket **out);

typedef struct VideoEncoder VideoEncoder;
typedef struct {
	int width, height;
	int rate_num, rate_den; // frames a second
	int64_t bitrate;
	int keyframe_ticks; // the largest distance of keyframes
	int threads;
	int tick_rate; // ticks a second; 0: the frame rate
	int quality;   // the constant rate factor of libx264, up to bitrate; 0: bitrate
} VideoEncoderConfig;
int video_encoder_open(VideoEncoder **out, const char *name, VideoEncoderConfig c);
int video_encoder_send(VideoEncoder *e, Canvas *c, int64_t pts, int keyframe); // c NULL: the end
// Returns 1 and the next packet, which is valid until the next call, or 0 if there is none.
int video_encoder_receive(VideoEncoder *e, AVPacket **out);
void video_encoder_close(VideoEncoder *e);

// Audio: float samples, stereo interleaved, 48 kHz.

typedef struct AudioDecoder AudioDecoder;
int audio_decoder_open(AudioDecoder **out, const char *name, const uint8_t *extra, int extra_size);
int audio_decoder_decode(AudioDecoder *d, const uint8_t *data, int size, float *out, int capacity); // frames of two samples
void audio_decoder_close(AudioDecoder *d);

typedef struct AudioEncoder AudioEncoder;
int audio_encoder_open(AudioEncoder **out, const char *name, int64_t bitrate);
int audio_encoder_frame(const AudioEncoder *e);                              // samples of a channel in one packet
int audio_encoder_delay(const AudioEncoder *e);                              // samples before the first of the input
int audio_encoder_config(const AudioEncoder *e, const uint8_t **out);        // returns its length
int audio_encoder_send(AudioEncoder *e, const float *in);                    // the samples of one packet
int audio_encoder_receive(AudioEncoder *e, AVPacket **out);                  // as video_encoder_receive
void audio_encoder_close(AudioEncoder *e);

#endif
