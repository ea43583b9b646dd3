package loadtest

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"rostrum/internal/rtmp"
	"rostrum/realtime"
)

// A source is a publisher whose pictures are recognised.
type source interface {
	Run(ctx context.Context) error
	Close() error
	sentAt(payload []byte) (time.Time, bool) // of a picture's first packet
	quietAt() (time.Time, bool)              // when the last end of noise was sent
}

func (p *Publisher) quietAt() (time.Time, bool) { return time.Time{}, false }

// encoderInterval is between the starts of two encoders, whose pictures are so not
// simultaneous.
const encoderInterval = 37 * time.Millisecond

// Speech is AAC that encoders repeat: in each second half of noise after half of silence. The
// first Opus packet after the noise is recognised by its size, without decoding it.
type Speech struct{ frames [][]byte }

const (
	aacRate, aacSize = 48_000, 1024 // samples
	speechLength     = 375          // frames: 8 s, the least that is whole frames and seconds

	// Bytes of SRTP of noise at 128 kbit/s. Digital silence has less, and the rest that AAC
	// leaves of it more.
	minNoise, maxNoise = 150, 350
)

// NewSpeech encodes by ffmpeg.
func NewSpeech(ctx context.Context) (*Speech, error) {
	b, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-t", "9",
		"-i", "aevalsrc='0.3*(2*random(0)-1)*gt(mod(t,1),0.5)|0.3*(2*random(1)-1)*gt(mod(t,1),0.5)':s=48000", "-c:a", "aac", "-b:a", "128k", "-f", "adts", "-").Output()
	if err != nil {
		return nil, err
	}
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(b); err != nil {
		return nil, err
	}
	if len(packets) < speechLength {
		return nil, errors.New("ffmpeg encoded too little audio")
	}
	s := &Speech{}
	for _, p := range packets[:speechLength] {
		s.frames = append(s.frames, p.AU)
	}
	return s, nil
}

// ends reports whether frame n completes the end of the noise. AAC delays by one frame.
func (s *Speech) ends(n int) bool {
	const end = aacSize // of the first second
	from := n%speechLength*aacSize - 1
	return (from-end+aacRate)/aacRate != (from+aacSize-end+aacRate)/aacRate
}

// An Encoder sends a Clip, and Speech, by RTMP.
type Encoder struct {
	push   *rtmp.Push
	clip   *Clip
	speech *Speech
	units  [][][]byte // of each picture, without parameter sets

	mu    sync.Mutex // guards what follows
	sent  map[uint64]time.Time
	quiet time.Time
}

// Encode connects and publishes.
func Encode(ctx context.Context, url string, clip *Clip, speech *Speech) (*Encoder, error) {
	e := &Encoder{clip: clip, speech: speech, sent: map[uint64]time.Time{}}
	s := rtmp.Stream{Width: 1280, Height: 720, FrameRate: float64(clip.fps)}
	if speech != nil {
		s.Audio = []byte{0x11, 0x90} // AAC-LC, 48 kHz, stereo
	}
	for _, picture := range clip.layers[0].units {
		var slices [][]byte
		for _, u := range bytes.Split(picture, startCode) {
			switch {
			case len(u) == 0:
			case u[0]&31 == nalSPS, u[0]&31 == nalPPS:
				if len(e.units) == 0 {
					s.Sets = append(s.Sets, u)
				}
			default:
				slices = append(slices, u)
			}
		}
		e.units = append(e.units, slices)
	}
	var err error
	e.push, err = rtmp.Dial(ctx, url, s)
	return e, err
}

// fragmentBeginning identifies a picture by its first slice, whose first packet is an FU-A
// (RFC 6184 §5.8).
func fragmentBeginning(unit []byte) uint64 {
	return beginning(append([]byte{unit[0]&0x60 | 28, unit[0]&31 | 0x80}, unit[1:64]...))
}

// Run sends until ctx or the connection ends.
func (e *Encoder) Run(ctx context.Context) error {
	pictureTime, frameTime := time.Second/time.Duration(e.clip.fps), time.Second*aacSize/aacRate
	start := time.Now()
	for pictures, frames := 0, 0; ; {
		video, audio := time.Duration(pictures)*pictureTime, time.Duration(frames)*frameTime
		if e.speech == nil {
			audio = video + 1
		}
		if !pause(ctx, time.Until(start.Add(min(video, audio)))) {
			return nil
		}
		var err error
		if audio <= video {
			if e.speech.ends(frames) {
				e.mu.Lock()
				e.quiet = time.Now()
				e.mu.Unlock()
			}
			err = e.push.Audio(audio, e.speech.frames[frames%speechLength])
			frames++
		} else {
			n := pictures % len(e.units)
			e.mu.Lock()
			e.sent[fragmentBeginning(e.units[n][0])] = time.Now()
			e.mu.Unlock()
			err = e.push.Video(video, n == 0, e.units[n])
			pictures++
		}
		if err != nil {
			return err
		}
	}
}

func (e *Encoder) sentAt(payload []byte) (at time.Time, ok bool) {
	key := beginning(payload)
	e.mu.Lock()
	defer e.mu.Unlock()
	at, ok = e.sent[key]
	return at, ok
}

func (e *Encoder) quietAt() (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.quiet, !e.quiet.IsZero()
}

// Close ends the stream.
func (e *Encoder) Close() error { return e.push.Close() }

// listen measures the latency of the end of noise.
func (r *Receiver) listen(size int, fresh bool, now time.Time) {
	if !fresh {
		return
	}
	noise := size >= minNoise && size < maxNoise
	ends := r.noise && !noise
	r.noise = noise
	if !ends || r.began.IsZero() || !r.measuresLatency(now) {
		return
	}
	if sent, ok := r.source.quietAt(); ok && now.Sub(sent) < time.Second/2 {
		r.stats.AudioLatencies = append(r.stats.AudioLatencies, now.Sub(sent))
	}
}

// FirstPicture starts an encoder and subscribes to it as soon as the server lets it. It
// returns the time from the encoder's connecting to the end of the viewer's first keyframe.
func (l *Load) FirstPicture(ctx context.Context, url string, at realtime.Endpoint) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	began := time.Now()
	e, err := Encode(ctx, url, l.plan.Clip, l.plan.Speech)
	if err != nil {
		return 0, err
	}
	var sending sync.WaitGroup
	sending.Go(func() { _ = e.Run(ctx) }) // a failure shows as a missing picture
	defer func() {
		cancel()
		sending.Wait()
		err = errors.Join(err, e.Close())
	}()
	r, err := l.pool.Receive(ctx, at, nil)
	for err != nil {
		if !pause(ctx, 10*time.Millisecond) {
			return 0, err
		}
		r, err = l.pool.Receive(ctx, at, nil)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for r.Stats(false).FirstPicture == 0 {
		if !pause(ctx, time.Millisecond) {
			return 0, errors.New("there is no picture")
		}
	}
	return r.offered.Add(r.Stats(false).FirstPicture).Sub(began), nil
}
