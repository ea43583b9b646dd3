package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"rostrum/internal/inbound"
	"rostrum/internal/rtmp"
	"rostrum/internal/stage"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

const (
	// bothWait is how long a stream may lack audio or video: a stage's RTMP streams have both.
	bothWait = 10 * time.Second

	// rejectTime is how long an encoder may take to read why its stream ended.
	rejectTime = 2 * time.Second
)

// A publication is what an encoder publishes on a stage. Video passes as it is, AAC becomes
// Opus. Where the codec of the video may be another than H.264, audio waits until it is known:
// subscribers agree on codecs, and come with the first media. It is for the goroutine that reads the connection.
type publication struct {
	stream     *stage.IngestStream
	transcoder *worker.Streams
	log        *slog.Logger
	began      time.Time
	complete   bool // audio and video came
	clock      sourceClock

	anyCodec      bool // the video may be another than H.264
	video         videoTracks
	groupReported bool

	sawAudio    bool // a frame
	opus        opusClock
	audioConfig []byte         // of AAC
	audio       *worker.Stream // nil without AAC
	audioErr    atomic.Pointer[string]
	refused     atomic.Bool // the encoder was told why, before the stream ends
}

// fail is an error that ends the stream.
func fail(code ivsrealtime.EventErrorCode, format string, args ...any) *stage.IngestError {
	return &stage.IngestError{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// read waits for the next frame of an encoder, until audio or video is overdue.
func (p *publication) read(encoder *rtmp.Ingest) (rtmp.Frame, error) {
	if !p.complete {
		deadline := p.began.Add(bothWait)
		if p.complete = p.sawAudio && p.video.started(); p.complete {
			deadline = time.Time{}
		}
		if err := encoder.SetDeadline(deadline); err != nil {
			return rtmp.Frame{}, err
		}
	}
	f, err := encoder.Next()
	if !p.complete && errors.Is(err, os.ErrDeadlineExceeded) {
		err = fail(ivsrealtime.ErrorInvalidInput, "a stream needs audio and video, and one of them did not come within %s", bothWait)
	}
	return f, err
}

// WriteFrame publishes a frame. After an error the publication must be closed.
func (p *publication) WriteFrame(_ context.Context, f rtmp.Frame) error {
	if reason := p.audioErr.Load(); reason != nil {
		return fail(ivsrealtime.ErrorInvalidAudioCodec, "the AAC audio can't be decoded: %s", *reason)
	}
	if p.anyCodec && len(p.video) == 0 && (f.Kind == rtmp.Audio || f.Kind == rtmp.Opus) {
		return nil
	}
	switch f.Kind {
	case rtmp.VideoConfig:
		return p.configureVideo(f)
	case rtmp.AudioConfig:
		return p.configureAudio(f.Units[0])
	case rtmp.Audio:
		if p.audio != nil {
			p.sawAudio = true
			p.audio.Write(f.Units[0], p.clock.time(f.Decode, time.Now()))
		}
		return nil
	case rtmp.OpusConfig:
		return checkOpus(f.Units[0])
	case rtmp.Opus:
		return p.writeOpus(f)
	default:
		return p.writeVideo(f)
	}
}

// dropWhenEnded closes the connection of an encoder whose stream was ended by the stage: the
// participant was disconnected, the stage deleted, a limit exceeded. It returns when the
// stream has ended.
func (p *publication) dropWhenEnded(encoder *rtmp.Ingest, conn net.Conn) {
	<-p.stream.Done()
	reason := p.stream.EndReason()
	if reason == "" || p.refused.Load() {
		return // by the encoder
	}
	p.log.Info("encoder disconnected", "who", p.stream.Who(), "why", explainEnd(reason))
	_ = encoder.Reject("the stage ended the stream: " + explainEnd(reason)) // it may be gone
	time.AfterFunc(rejectTime, func() { conn.Close() })
}

// explainEnd adds to the code of an exceeded limit what to set at the encoder.
func explainEnd(reason string) string {
	switch code := ivsrealtime.EventErrorCode(reason); code {
	case ivsrealtime.ErrorResolutionExceeded:
		return reason + ": the video is larger than a stage takes: set the output to 1280x720 or less"
	case ivsrealtime.ErrorBitrateExceeded:
		return reason + ": the video has a higher bitrate than a stage takes: set a constant bitrate of 6 Mbit/s or less"
	case ivsrealtime.ErrorStreamDurationExceeded:
		return reason + ": the stream was live for as long as one may be: start it again"
	default:
		return reason
	}
}

// refuse says to the encoder and to the operator why the stream ends.
func (p *publication) refuse(s *Server, encoder *rtmp.Ingest, from inbound.Client, err error) error {
	p.refused.Store(true)
	code := failureOf(err).Code
	s.metrics.refused(refusalReason(code))
	p.log.Warn("encoder refused", "from", from.Addr, "who", p.stream.Who(), "code", code, "why", err)
	_ = encoder.Reject(err.Error()) // it may be gone
	return nil
}

// Close ends the publication, with an entry in the participant's history for a failure.
func (p *publication) Close(_ context.Context, failure error) error {
	if p.audio != nil {
		p.audio.Close()
	}
	if failure == nil {
		return p.stream.Close(nil)
	}
	return p.stream.Close(failureOf(failure))
}

// failureOf gives an error of the stream its code in the participant's history.
func failureOf(err error) *stage.IngestError {
	if why, ok := errors.AsType[*stage.IngestError](err); ok {
		return why
	}
	code := ivsrealtime.ErrorInvalidInput
	switch {
	case errors.Is(err, rtmp.ErrVideoCodec):
		code = ivsrealtime.ErrorInvalidVideoCodec
	case errors.Is(err, rtmp.ErrAudioCodec):
		code = ivsrealtime.ErrorInvalidAudioCodec
	}
	return fail(code, "%v", err)
}

// maxJump is how far a timestamp may be from the time that passed. An encoder whose clock was
// set, or that starts its timestamps anew, continues where it was.
const maxJump = 2 * time.Second

// A sourceClock turns the timestamps of an encoder into a time that does not jump.
type sourceClock struct {
	started bool
	last    time.Duration // timestamp
	at      time.Time     // when it came
	shift   time.Duration
}

func (c *sourceClock) time(timestamp time.Duration, now time.Time) time.Duration {
	if !c.started {
		c.started, c.last, c.at = true, timestamp, now
	}
	passed := now.Sub(c.at)
	if step := timestamp - c.last; step < -maxJump || step > passed+maxJump {
		c.shift += passed - step
	}
	c.last, c.at = timestamp, now
	return timestamp + c.shift
}
