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

// A Session is one encoder's connection to a channel. Take and Close are for the
// goroutine that reads the connection.
type Session struct {
	registry *Registry
	id       string // of the channel
	owner    store.Owner
	order    int64 // of beginning
	about    event.Channel
	drop     func()
	most     int           // bits a second that it may send for long; 0 for no limit
	over     chan struct{} // closed when the channel is off air
	viewers  audience

	sps, pps []byte
	config   *mpeg4audio.AudioSpecificConfig
	sound    []byte // the same as it came
	pushURL  string // where the stream is sent on to; empty for nowhere
	video    *gohlslib.Track
	audio    *gohlslib.Track // nil for none
	first    time.Duration   // when the first picture came, by the encoder's clock
	waiting  bool            // it came, and the muxer does not run yet
	pictures grid
	sounds   grid

	began    time.Time
	watching sync.WaitGroup
	unwatch  context.CancelFunc

	mu       sync.Mutex // guards what follows
	muxer    *gohlslib.Muxer
	push     *push     // nil for none
	started  time.Time // zero until the channel can be watched
	fed      time.Time // when the last picture came
	last     time.Time // when the last frame came
	starving bool
	meter    meter
}

// Bounds and pace of what viewers get.
const (
	segmentAtLeast = time.Second
	part           = 200 * time.Millisecond
	maxSegment     = 16 << 20 // bytes
	segments       = 7

	soundWait   = time.Second      // for the configuration of sound, once there is a picture
	pictureWait = 10 * time.Second // for a first keyframe
)

func newSession(r *Registry, channelARN string, drop func()) *Session {
	const streamIDLength = 23 // after st-
	name, _ := arn.Parse(channelARN)
	return &Session{
		registry: r, began: time.Now(), id: name.ID, owner: store.Owner{Account: name.Account, Region: name.Region}, drop: drop, over: make(chan struct{}),
		about: event.Channel{ARN: channelARN, StreamID: "st-" + arn.NewSecret(streamIDLength)},
	}
}

// Take passes a frame on to the viewers. After an error the session is over.
func (s *Session) Take(ctx context.Context, f rtmp.Frame) error {
	switch f.Kind {
	case rtmp.VideoConfig:
		return s.configureVideo(f)
	case rtmp.AudioConfig:
		var config mpeg4audio.AudioSpecificConfig
		if err := config.Unmarshal(f.Units[0]); err != nil {
			return fmt.Errorf("read the configuration of AAC: %w", err)
		}
		if s.config == nil {
			s.config, s.sound = &config, f.Units[0]
		}
		return nil
	case rtmp.Audio:
		if s.audio == nil {
			return nil
		}
		s.note(f)
		at := s.sounds.snap(f.Present)
		return s.muxer.WriteMPEG4Audio(s.audio, s.clock(at), ticks(at, s.audio.ClockRate), f.Units)
	default:
		return s.picture(ctx, f)
	}
}

func (s *Session) configureVideo(f rtmp.Frame) error {
	if len(f.Units) != 2 {
		return errors.New("the configuration of H.264 is damaged")
	}
	var format h264.SPS
	if most := s.registry.cfg.Pixels; most > 0 && format.Unmarshal(f.Units[0]) == nil && format.Width()*format.Height() > most {
		s.tell(event.IngestResolutionExceeded(s.about, time.Now(), format.Width()*format.Height(), most))
		return fmt.Errorf("pictures of %dx%d are larger than the %d pixels that are taken", format.Width(), format.Height(), most)
	}
	s.sps, s.pps = f.Units[0], f.Units[1] // a change comes with the next keyframe
	return nil
}

// tell keeps an event of the session that is no change of its state.
func (s *Session) tell(e event.Event) {
	err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
		tx.Emit(e)
		return nil
	})
	if err != nil {
		s.registry.cfg.Log.Error("keep an event of a channel", "channel", s.about.ARN, "error", err)
	}
}

func (s *Session) picture(ctx context.Context, f rtmp.Frame) error {
	if !s.waiting && s.video == nil {
		s.first, s.waiting = f.Decode, true
	}
	if s.video == nil {
		waited := f.Decode - s.first
		if waited > pictureWait {
			return errors.New("the stream has no keyframe")
		}
		if !f.Keyframe || s.sps == nil || s.config == nil && waited < soundWait {
			return nil
		}
		if err := s.start(ctx, f); err != nil {
			return err
		}
	}
	s.note(f)
	units := f.Units
	if f.Keyframe {
		units = append([][]byte{s.sps, s.pps}, units...)
	}
	at := s.pictures.snap(f.Present)
	return s.muxer.WriteH264(s.video, s.clock(at), ticks(at, s.video.ClockRate), units)
}

// note counts a frame, and sends it on.
func (s *Session) note(f rtmp.Frame) {
	s.mu.Lock()
	s.meter.count(f)
	s.last = time.Now()
	if f.Kind == rtmp.Video {
		s.fed = s.last
	}
	s.mu.Unlock()
	if s.push != nil {
		s.push.offer(f, s.sps, s.pps)
	}
}

// clock is the time of day of a frame.
func (s *Session) clock(at time.Duration) time.Time { return s.started.Add(at - s.first) }

// start opens the channel to viewers, at its first keyframe.
func (s *Session) start(ctx context.Context, f rtmp.Frame) error {
	s.first = f.Present
	video := &gohlslib.Track{Codec: &codecs.H264{SPS: s.sps, PPS: s.pps}, ClockRate: 90_000}
	m := &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: segments, SegmentMinDuration: segmentAtLeast,
		PartMinDuration: part, SegmentMaxSize: maxSegment, Tracks: []*gohlslib.Track{video},
		OnEncodeError: func(err error) { s.registry.cfg.Log.Warn("channel", "channel", s.about.ARN, "error", err) },
	}
	var audio *gohlslib.Track
	if s.config != nil {
		audio = &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: *s.config}, ClockRate: s.config.SampleRate, IsDefault: true}
		m.Tracks = append(m.Tracks, audio)
		s.sounds.rate = float64(s.config.SampleRate) / mpeg4audio.SamplesPerAccessUnit
	}
	var format h264.SPS
	if format.Unmarshal(s.sps) == nil {
		s.pictures.rate = format.FPS()
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
	s.muxer, s.started, s.fed = m, now, now
	if s.pushURL != "" {
		s.push = startPush(s, s.pushURL, s.sound)
	}
	s.mu.Unlock()
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	s.unwatch = unwatch
	s.watching.Go(func() { s.watch(watching) })
	return nil
}

// errEnded tells that another node ended the session in the store: it took this
// one for dead.
var errEnded = errors.New("another node ended the stream")

// checkLive checks that the stored channel still shows a session's stream.
func checkLive(c *store.Channel, about event.Channel) error {
	if c.StreamID != about.StreamID {
		return errEnded
	}
	return nil
}

// heard is when something came from the encoder.
func (s *Session) heard() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.IsZero() {
		return s.began
	}
	return s.last
}

// stream is what the session shows; false before its first keyframe.
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

// Close puts the channel off air. why is what ended the session, nil when the
// encoder did.
func (s *Session) Close(ctx context.Context, why error) error {
	defer s.registry.leave(s)
	s.mu.Lock()
	m := s.muxer
	s.mu.Unlock()
	if m != nil {
		defer m.Close()
		s.unwatch()
		s.watching.Wait()
	}
	if s.push != nil {
		s.push.close()
	}
	now := time.Now()
	err := s.registry.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return end(tx, s.about.ARN, s.registry.node, now, why)
	})
	if err != nil {
		return fmt.Errorf("end the stream of %s: %w", s.about.ARN, err)
	}
	return nil
}
