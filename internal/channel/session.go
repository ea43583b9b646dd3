package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/ivs"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
)

// A Session is one encoder's connection to a channel. WriteFrame and Close are
// for the goroutine that reads the connection.
type Session struct {
	registry   *Registry
	id         string // of the channel
	owner      store.Owner
	order      int64 // of the session among the others'
	about      event.Channel
	pushURL    string // where the stream is pushed to; empty for none
	maxBitrate int    // bits a second that the encoder may send for long; 0 for no limit
	drop       func() // ends the encoder's connection
	began      time.Time
	done       chan struct{} // closed when the channel is offline
	viewers    viewers

	input

	monitoring  sync.WaitGroup
	stopMonitor context.CancelFunc
	monitored   bool

	mu sync.Mutex // guards output
	output
}

// input is the state of the goroutine that reads the encoder's connection.
type input struct {
	muxer       *hls.Muxer
	sets        [][]byte // SPS and all PPS of H.264; nil before the configuration
	audioConfig []byte   // AudioSpecificConfig; nil for none
}

// output is what viewers, the push and the monitor share.
type output struct {
	push          *push         // nil for none
	started       time.Time     // zero until the channel can be watched
	lastFrame     time.Time     // when the last frame came
	lastMedia     time.Time     // when the last video frame came; of audio, if there is no video
	sinceKeyframe time.Duration // how much video came since the last keyframe
	starving      bool
	meter         meter
}

func newSession(r *Registry, channelARN string, drop func()) *Session {
	const streamIDLength = 23 // after st-
	name, _ := arn.Parse(channelARN)
	return &Session{
		registry: r, began: time.Now(), id: name.ID, stopMonitor: func() {}, owner: store.Owner{Account: name.Account, Region: name.Region}, drop: drop, done: make(chan struct{}),
		about: event.Channel{ARN: channelARN, StreamID: "st-" + arn.NewSecret(streamIDLength)},
	}
}

// WriteFrame passes an encoder's frame on to the viewers. After an error the
// session must be closed.
func (s *Session) WriteFrame(ctx context.Context, f rtmp.Frame) error {
	if f.Track != 0 && (f.Kind == rtmp.VideoConfig || f.Kind == rtmp.Video) {
		return errTracks
	}
	if f.Codec != media.NoCodec {
		return fmt.Errorf("%w on channels, not %s", rtmp.ErrVideoCodec, f.Codec)
	}
	switch f.Kind {
	case rtmp.OpusConfig, rtmp.Opus:
		return errOpus
	case rtmp.VideoConfig:
		return s.configureVideo(f)
	case rtmp.AudioConfig:
		if s.audioConfig == nil {
			s.audioConfig = f.Units[0]
		}
		return s.muxer.SetAudio(f.Units[0])
	}
	if f.Kind == rtmp.Video {
		if err := s.checkSize(f.Units); err != nil {
			return err
		}
	}
	s.startMonitor(ctx)
	var err error
	if f.Kind == rtmp.Audio {
		err = s.muxer.Audio(f.Present, f.Units[0])
	} else {
		err = s.muxer.Video(f.Decode, f.Present, f.Keyframe, f.Units)
	}
	if err != nil {
		return err
	}
	if s.muxer.HasOutput() && !s.isLive() {
		if err := s.goLive(ctx); err != nil {
			return err
		}
	}
	s.countAndPush(f)
	return nil
}

func (s *Session) configureVideo(f rtmp.Frame) error {
	if len(f.Units) < 2 {
		return errors.New("the H.264 configuration is malformed")
	}
	if err := s.checkSize(f.Units); err != nil {
		return err
	}
	s.sets = f.Units // a change comes with the next keyframe
	return s.muxer.SetVideo(f.Units[0], f.Units[1:]...)
}

// checkSize checks the sequence parameter sets of a configuration or of a picture, where encoders
// may change them.
func (s *Session) checkSize(units [][]byte) error {
	limit := s.registry.cfg.Pixels
	for _, u := range units {
		var format h264.SPS
		if limit <= 0 || len(u) == 0 || h264.NALUType(u[0]&0x1f) != h264.NALUTypeSPS || format.Unmarshal(u) != nil {
			continue
		}
		if pixels := format.Width() * format.Height(); pixels > limit {
			s.emitEvent(event.IngestResolutionExceeded(s.about, time.Now(), pixels, limit))
			return fmt.Errorf("a video size of %dx%d exceeds the limit of %d pixels", format.Width(), format.Height(), limit)
		}
	}
	return nil
}

// emitEvent stores an event that changes no state.
func (s *Session) emitEvent(e event.Event) {
	err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
		tx.Emit(e)
		return nil
	})
	if err != nil {
		s.registry.cfg.Log.Error("store channel event", "channel", s.about.ARN, "error", err)
	}
}

// countAndPush counts a frame and passes it to the push.
func (s *Session) countAndPush(f rtmp.Frame) {
	s.mu.Lock()
	s.meter.count(f)
	s.lastFrame, s.sinceKeyframe = time.Now(), s.muxer.SinceKeyframe()
	if f.Kind == rtmp.Video || !s.muxer.HasVideo() {
		s.lastMedia = s.lastFrame
	}
	s.mu.Unlock()
	if s.push != nil {
		s.push.enqueue(f, s.sets)
	}
}

func (s *Session) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.started.IsZero()
}

// goLive stores that the channel can be watched, and starts the push.
func (s *Session) goLive(ctx context.Context) error {
	now := time.Now().UTC()
	err := s.registry.store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Channels().Update(s.about.ARN, func(c *store.Channel) error {
			c.StreamStart = now
			return checkLive(c, s.about)
		})
		tx.Emit(event.StreamStarted(s.about, now))
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = now
	if s.pushURL != "" {
		s.push = startPush(s, s.pushURL, s.audioConfig)
	}
	return nil
}

// Errors of streams that only a stage takes.
var (
	errTracks = errors.New("a channel takes one track of video: switch off several tracks in the encoder")
	errOpus   = errors.New("a channel takes AAC audio, not Opus")
)

// errEnded says that another node declared this one dead and ended the session
// in the store.
var errEnded = errors.New("another node ended the stream")

// checkLive checks that the stored channel still shows a session's stream.
func checkLive(c *store.Channel, about event.Channel) error {
	if c.StreamID != about.StreamID {
		return errEnded
	}
	return nil
}

// lastHeard is when the last frame came from the encoder, or when it
// connected.
func (s *Session) lastHeard() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastFrame.IsZero() {
		return s.began
	}
	return s.lastFrame
}

// stream describes the session's stream; false until it can be watched.
func (s *Session) stream() (ivs.Stream, bool) {
	s.mu.Lock()
	started, starving := s.started, s.starving
	s.mu.Unlock()
	if started.IsZero() {
		return ivs.Stream{}, false
	}
	health := ivs.Healthy
	if starving {
		health = ivs.Starving
	}
	_, playback := s.registry.Addresses(s.about.ARN)
	return ivs.Stream{
		ChannelARN: s.about.ARN, StreamID: s.about.StreamID, PlaybackURL: playback, StartTime: started.UTC(),
		State: ivs.Live, Health: health, ViewerCount: int64(s.viewers.count(time.Now())),
	}, true
}

// Close takes the channel offline. cause is what ended the session, nil when the
// encoder did.
func (s *Session) Close(ctx context.Context, cause error) error {
	defer s.registry.removeSession(s)
	s.stopMonitor()
	s.monitoring.Wait()
	muxed := s.muxer.Close()
	if s.push != nil {
		s.push.close()
	}
	now := time.Now()
	err := s.registry.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return end(tx, s.about.ARN, s.registry.nodeID, now, cause)
	})
	if err != nil {
		return fmt.Errorf("end the stream of %s: %w", s.about.ARN, err)
	}
	return muxed
}
