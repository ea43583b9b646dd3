// The native half of package codec. It deals in frames alone: what happens when is
// decided in Go. Every open or new has its close or free, which take NULL. Functions
// that return int answer 0 or more, or a negative AVERROR.
#ifndef ROSTRUM_CODEC_H
#define ROSTRUM_CODEC_H

#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <stdint.h>

// Pictures.

typedef struct VideoDecoder VideoDecoder;
int video_decoder_open(VideoDecoder **out, const char *name, int64_t max_pixels);
int video_decoder_send(VideoDecoder *d, const uint8_t *data, int size, int64_t pts);
// Hands over the next picture: 1, or 0 when there is none. damaged tells that parts
// of it were concealed.
int video_decoder_receive(VideoDecoder *d, AVFrame **out, int *damaged);
void video_decoder_close(VideoDecoder *d);

typedef struct Tile Tile;
Tile *tile_new(void);
void tile_free(Tile *t);
// Scales a rectangle of a picture to a size. The tile may keep the picture.
int tile_scale(Tile *t, const AVFrame *picture, int x, int y, int w, int h, int to_w, int to_h);

typedef struct Canvas Canvas;
int canvas_new(Canvas **out, int w, int h);
void canvas_free(Canvas *c);
int canvas_own(Canvas *c); // to be called before a round of drawing
void canvas_fill(Canvas *c, int x, int y, int w, int h, int luma);
void canvas_put(Canvas *c, const Tile *t, int x, int y);
uint8_t *canvas_plane(Canvas *c, int i, int *stride);
// Copies the canvas into planes without padding, as JPEG has them: BT.601, whole range.
void canvas_still(Canvas *c, uint8_t *y, uint8_t *cb, uint8_t *cr);

typedef struct VideoEncoder VideoEncoder;
typedef struct {
	int width, height;
	int rate_num, rate_den; // frames a second
	int64_t bitrate;
	int keyframe_ticks; // the farthest that keyframes may be apart
	int threads;
} VideoEncoderConfig;
int video_encoder_open(VideoEncoder **out, const char *name, VideoEncoderConfig c);
int video_encoder_send(VideoEncoder *e, Canvas *c, int64_t pts, int keyframe); // c NULL: the end
// Lends the next packet until the next call: 1, or 0 when there is none.
int video_encoder_receive(VideoEncoder *e, AVPacket **out);
void video_encoder_close(VideoEncoder *e);

// Sound: float samples, stereo interleaved, 48 kHz.

typedef struct AudioDecoder AudioDecoder;
int audio_decoder_open(AudioDecoder **out, const char *name, const uint8_t *extra, int extra_size);
int audio_decoder_decode(AudioDecoder *d, const uint8_t *data, int size, float *out, int capacity); // frames of two samples
void audio_decoder_close(AudioDecoder *d);

typedef struct AudioEncoder AudioEncoder;
int audio_encoder_open(AudioEncoder **out, const char *name, int64_t bitrate);
int audio_encoder_frame(const AudioEncoder *e);                              // samples a channel in one packet
int audio_encoder_delay(const AudioEncoder *e);                              // samples put before the first
int audio_encoder_config(const AudioEncoder *e, const uint8_t **out);        // length of the codec's configuration
int audio_encoder_send(AudioEncoder *e, const float *in);                    // one frame of samples
int audio_encoder_receive(AudioEncoder *e, AVPacket **out);                  // as of video
void audio_encoder_close(AudioEncoder *e);

#endif
