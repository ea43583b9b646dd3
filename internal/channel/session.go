package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/ivs"
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

	mu sync.Mutex // guards output
	output
}

// input is the state of the goroutine that reads the encoder's connection.
type input struct {
	sps, pps       []byte
	audioConfig    *mpeg4audio.AudioSpecificConfig
	rawAudioConfig []byte // as the encoder sent it
	video          *gohlslib.Track
	audio          *gohlslib.Track // nil for none
	firstVideo     time.Duration   // time of the first video frame, by the encoder's clock
	sawVideo       bool            // a video frame came, and the muxer does not run yet
	videoGrid      grid
	audioGrid      grid
}

// output is what viewers, the push and the monitor share.
type output struct {
	muxer     *gohlslib.Muxer
	push      *push     // nil for none
	started   time.Time // zero until the channel can be watched
	lastVideo time.Time // when the last video frame came
	lastFrame time.Time // when the last frame came
	starving  bool
	meter     meter
}

// Bounds and durations of what viewers get.
const (
	minSegment       = time.Second
	minPart          = 200 * time.Millisecond
	maxSegment       = 16 << 20 // bytes
	playlistSegments = 7

	audioWait    = time.Second      // for the audio configuration, from the first video frame on
	keyframeWait = 10 * time.Second // for the first keyframe
)

func newSession(r *Registry, channelARN string, drop func()) *Session {
	const streamIDLength = 23 // after st-
	name, _ := arn.Parse(channelARN)
	return &Session{
		registry: r, began: time.Now(), id: name.ID, owner: store.Owner{Account: name.Account, Region: name.Region}, drop: drop, done: make(chan struct{}),
		about: event.Channel{ARN: channelARN, StreamID: "st-" + arn.NewSecret(streamIDLength)},
	}
}

// WriteFrame passes an encoder's frame on to the viewers. After an error the
// session must be closed.
func (s *Session) WriteFrame(ctx context.Context, f rtmp.Frame) error {
	switch f.Kind {
	case rtmp.VideoConfig:
		return s.configureVideo(f)
	case rtmp.AudioConfig:
		var config mpeg4audio.AudioSpecificConfig
		if err := config.Unmarshal(f.Units[0]); err != nil {
			return fmt.Errorf("parse the AAC configuration: %w", err)
		}
		if s.audioConfig == nil {
			s.audioConfig, s.rawAudioConfig = &config, f.Units[0]
		}
		return nil
	case rtmp.Audio:
		if s.audio == nil {
			return nil
		}
		s.countAndPush(f)
		at := s.audioGrid.snap(f.Present)
		return s.muxer.WriteMPEG4Audio(s.audio, s.wallClock(at), ticks(at, s.audio.ClockRate), f.Units)
	default:
		return s.writeVideo(ctx, f)
	}
}

func (s *Session) configureVideo(f rtmp.Frame) error {
	if len(f.Units) != 2 {
		return errors.New("the H.264 configuration is malformed")
	}
	var format h264.SPS
	if limit := s.registry.cfg.Pixels; limit > 0 && format.Unmarshal(f.Units[0]) == nil && format.Width()*format.Height() > limit {
		s.emitEvent(event.IngestResolutionExceeded(s.about, time.Now(), format.Width()*format.Height(), limit))
		return fmt.Errorf("a video size of %dx%d exceeds the limit of %d pixels", format.Width(), format.Height(), limit)
	}
	s.sps, s.pps = f.Units[0], f.Units[1] // a change comes with the next keyframe
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

func (s *Session) writeVideo(ctx context.Context, f rtmp.Frame) error {
	if !s.sawVideo && s.video == nil {
		s.firstVideo, s.sawVideo = f.Decode, true
	}
	if s.video == nil {
		waited := f.Decode - s.firstVideo
		if waited > keyframeWait {
			return errors.New("the stream has no keyframe")
		}
		if !f.Keyframe || s.sps == nil || s.audioConfig == nil && waited < audioWait {
			return nil
		}
		if err := s.startMuxer(ctx, f); err != nil {
			return err
		}
	}
	s.countAndPush(f)
	units := f.Units
	if f.Keyframe {
		units = append([][]byte{s.sps, s.pps}, units...)
	}
	at := s.videoGrid.snap(f.Present)
	return s.muxer.WriteH264(s.video, s.wallClock(at), ticks(at, s.video.ClockRate), units)
}

// countAndPush counts a frame and passes it to the push.
func (s *Session) countAndPush(f rtmp.Frame) {
	s.mu.Lock()
	s.meter.count(f)
	s.lastFrame = time.Now()
	if f.Kind == rtmp.Video {
		s.lastVideo = s.lastFrame
	}
	s.mu.Unlock()
	if s.push != nil {
		s.push.enqueue(f, s.sps, s.pps)
	}
}

// wallClock is the time of day of a frame.
func (s *Session) wallClock(at time.Duration) time.Time { return s.started.Add(at - s.firstVideo) }

// startMuxer opens the channel to viewers, at its first keyframe.
func (s *Session) startMuxer(ctx context.Context, f rtmp.Frame) error {
	s.firstVideo = f.Present
	video := &gohlslib.Track{Codec: &codecs.H264{SPS: s.sps, PPS: s.pps}, ClockRate: 90_000}
	m := &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: playlistSegments, SegmentMinDuration: minSegment,
		PartMinDuration: minPart, SegmentMaxSize: maxSegment, Tracks: []*gohlslib.Track{video},
		OnEncodeError: func(err error) { s.registry.cfg.Log.Warn("channel", "channel", s.about.ARN, "error", err) },
	}
	var audio *gohlslib.Track
	if s.audioConfig != nil {
		audio = &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: *s.audioConfig}, ClockRate: s.audioConfig.SampleRate, IsDefault: true}
		m.Tracks = append(m.Tracks, audio)
		s.audioGrid.rate = float64(s.audioConfig.SampleRate) / mpeg4audio.SamplesPerAccessUnit
	}
	var format h264.SPS
	if format.Unmarshal(s.sps) == nil {
		s.videoGrid.rate = format.FPS()
	}
	if err := m.Start(); err != nil {
		return fmt.Errorf("start HLS: %w", err)
	}
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
		m.Close()
		return err
	}
	s.video, s.audio = video, audio
	s.mu.Lock()
	s.muxer, s.started, s.lastVideo = m, now, now
	if s.pushURL != "" {
		s.push = startPush(s, s.pushURL, s.rawAudioConfig)
	}
	s.mu.Unlock()
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	s.stopMonitor = unwatch
	s.monitoring.Go(func() { s.monitor(watching) })
	return nil
}

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

// stream describes the session's stream; false before its first keyframe.
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
	s.mu.Lock()
	m := s.muxer
	s.mu.Unlock()
	if m != nil {
		defer m.Close()
		s.stopMonitor()
		s.monitoring.Wait()
	}
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
	return nil
}
