package hls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Muxer writes an encoder's H.264 and AAC to a [Live]. It is for one goroutine.
//
// What the encoder sends without interruption is a period: its media times continue, and
// all of it has one initialization section. A new one begins, after a discontinuity, with
// the next keyframe after media are missing, after timestamps jump, and where the
// parameters of a codec change.
//
// A period always has an audio track: where the encoder sends no audio it is silent. Thus
// players need not learn of a track that comes late, and a pause of one medium does not
// stop the other.
type Muxer struct {
	live *Live

	videoFormat, audioFormat format // as the encoder sent them last
	sinceKeyframe            time.Duration
	// The next are times by the encoder's clock.
	firstDecode, lastDecode, firstAudio time.Duration
	sawVideo, sawAudio, started         bool

	period
	audioClock
}

// A format is the configuration of one codec: a track and what it was made from.
type format struct {
	track Track
	sets  [][]byte // SPS and all PPS of H.264; the AudioSpecificConfig of AAC
}

func (f format) isKnown() bool { return f.track.Rate != 0 }

func (f format) equals(other format) bool {
	return slices.EqualFunc(f.sets, other.sets, bytes.Equal)
}

// A period is the state that a discontinuity resets. Times without a type are ticks of
// the lead track, the first one, on the media clock of the Live.
type period struct {
	runs         bool
	init         *initSection
	video, audio format        // video is unknown if there is only audio
	offset       time.Duration // from the encoder's clock to that of media
	began        time.Duration // on the media clock
	wall         time.Time     // there
	grid         grid

	pictures []Sample // that no part has yet; the last one's duration is not known
	sounds   []Sample
	pending  int // bytes of both
	step     int64

	partStart, segmentStart int64
	segmentBytes            int
	fragments               uint32
}

const (
	// audioConfigWait is how much video is dropped before a stream has no audio.
	audioConfigWait = time.Second

	minSegment = time.Second
	minTarget  = 2 * time.Second // of TARGETDURATION
	// audioSegment is the length of segments without video.
	audioSegment = 2 * time.Second
	// segmentTolerance is how much longer than the target duration a segment may be: it
	// is rounded to seconds.
	segmentTolerance = 450 * time.Millisecond
	partDuration     = 200 * time.Millisecond // about; parts have whole pictures
	rounding         = time.Millisecond

	// maxGap is how much media may be missing before a discontinuity.
	maxGap = 2 * time.Second
	// maxStepBack is how far decoding times may go back without one.
	maxStepBack = 200 * time.Millisecond
	// maxKeyframeInterval is how long a stream may go without a keyframe: until then
	// nobody can begin to watch it.
	maxKeyframeInterval = 20 * time.Second

	maxPending      = 32 << 20 // bytes that wait for the end of a part
	maxSegmentBytes = 16 << 20
	maxSamples      = 20_000 // that wait
)

// ErrNoKeyframe says that nobody can begin to watch the stream.
var ErrNoKeyframe = fmt.Errorf("the stream has no keyframe (IDR picture) for %v: set the encoder's keyframe interval to 2 s, and no intra refresh", maxKeyframeInterval)

// NewMuxer begins a stream, or continues what an earlier muxer wrote.
func NewMuxer(l *Live) *Muxer {
	l.setState(running)
	m := &Muxer{live: l}
	m.audioClock.wait = minAudioWait
	return m
}

// SetVideo says which parameter sets the next keyframe has.
func (m *Muxer) SetVideo(sps []byte, pps ...[]byte) error {
	track, err := H264(sps, pps...)
	if err == nil {
		m.videoFormat = format{track: track, sets: append([][]byte{sps}, pps...)}
	}
	return err
}

// SetAudio says which AudioSpecificConfig the next frame of audio has. A change takes
// effect with the next keyframe.
func (m *Muxer) SetAudio(config []byte) error {
	track, err := AAC(config)
	if err == nil {
		m.audioFormat = format{track: track, sets: [][]byte{config}}
	}
	return err
}

// HasVideo reports whether the stream is known to have video.
func (m *Muxer) HasVideo() bool { return m.videoFormat.isKnown() }

// SinceKeyframe is how much video came since the last keyframe.
func (m *Muxer) SinceKeyframe() time.Duration { return m.sinceKeyframe }

// HasOutput reports whether viewers have got anything of the stream.
func (m *Muxer) HasOutput() bool { return m.fragments > 0 }

// start begins a period with a sample at a time of the encoder.
func (m *Muxer) start(at time.Duration) error {
	audio := m.audioFormat
	if !audio.isKnown() {
		track, err := AAC(silentConfig)
		if err != nil {
			return err
		}
		audio = format{track: track, sets: [][]byte{silentConfig}}
	}
	m.live.mu.Lock()
	began, wall := m.live.end, time.Now()
	if wall.Before(m.live.endWall) {
		wall = m.live.endWall
	}
	m.live.mu.Unlock()
	m.period = period{runs: true, video: m.videoFormat, audio: audio, offset: began - at, began: began, wall: wall, fragments: m.fragments}
	tracks := []Track{audio.track}
	if m.video.isKnown() {
		tracks = []Track{m.video.track, audio.track}
		m.grid.rate = m.video.track.frameRate
	}
	data, err := Init(tracks)
	if err != nil {
		return err
	}
	m.init = &initSection{data: data, tracks: tracks, frameRate: m.grid.rate}
	m.partStart = ticks(began, m.lead().Rate)
	m.segmentStart = m.partStart
	m.audioClock.restart(ticks(began, audio.track.Rate))
	m.started = true
	return nil
}

// lead is the track that decides about cuts.
func (m *Muxer) lead() Track { return m.init.tracks[0] }

// interrupt ends the period: what it has becomes the end of a segment.
func (m *Muxer) interrupt() error {
	if !m.runs {
		return nil
	}
	m.runs = false
	if n := len(m.pictures); n > 0 {
		m.pictures[n-1].Duration = max(1, m.step)
	}
	if m.video.isKnown() {
		if len(m.pictures) == 0 {
			return nil
		}
		if err := m.cutAll(m.pictures[len(m.pictures)-1].end()); err != nil {
			return err
		}
	}
	m.pictures, m.sounds, m.pending = nil, nil, 0
	m.live.mu.Lock()
	m.live.complete()
	m.live.mu.Unlock()
	return nil
}

// Close ends the encoder's stream. Another muxer may continue it.
func (m *Muxer) Close() error {
	err := m.interrupt()
	m.live.setState(paused)
	return err
}

// queue takes a sample that waits for its part.
func (m *Muxer) queue(to *[]Sample, s Sample) error {
	m.pending += len(s.Data)
	if m.pending > maxPending || len(m.pictures)+len(m.sounds) >= maxSamples {
		return errors.New("the stream has too much data without a keyframe")
	}
	*to = append(*to, s)
	return nil
}
