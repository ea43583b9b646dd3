//go:build cgo

package compositor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// A Config is the format of a Program. Zero values take the default.
type Config struct {
	Width, Height int           // pixels, even; 1280x720
	FrameRate     float64       // pictures a second; 30
	Bitrate       int           // of the picture, bits a second; 2,500,000
	Keyframes     time.Duration // at least so often, at multiples of it; 2 s
	AudioBitrate  int           // bits a second; 128,000
	Encoder       string        // of pictures, by FFmpeg's name; libx264
	Threads       int           // of the encoder; 2
	Layout        layout.Layout // DefaultGrid
}

func (c Config) withDefaults() Config {
	fill := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	fill(&c.Width, 1280)
	fill(&c.Height, 720)
	fill(&c.Bitrate, 2_500_000)
	fill(&c.AudioBitrate, 128_000)
	fill(&c.Threads, 2)
	if c.FrameRate == 0 {
		c.FrameRate = 30
	}
	if c.Keyframes == 0 {
		c.Keyframes = 2 * time.Second
	}
	if c.Layout == nil {
		c.Layout = layout.DefaultGrid()
	}
	return c
}

// Format is what an Output must know beforehand.
type Format struct {
	Width, Height int
	FrameRate     float64
	Bitrate       int           // of the picture
	Keyframes     time.Duration // how far they are apart at most
	AudioBitrate  int           //
	AudioConfig   []byte        // AudioSpecificConfig of the AAC (ISO 14496-3)
}

// A Program composes a Room in one format.
type Program struct {
	room     *Room
	config   Config
	scene    *scene
	picture  *codec.VideoEncoder
	audio    *codec.AudioEncoder
	limiter  limiter
	voices   map[*Member]*listener
	samples  int64 // of sound, made so far
	packets  int64 // of sound
	keyframe atomic.Bool
	wishes   chan chan *image.YCbCr
	ended    chan struct{}

	mu    sync.Mutex // guards what follows
	feeds []*Feed
	over  bool
	sizes map[string]layout.Size
	stats Stats
}

// Stats tell how a Program fares.
type Stats struct {
	Ticks     int64
	Late      int64         // ticks that came late by more than a tick: the picture was repeated
	WorstLate time.Duration // since the last Stats
	Bytes     int64         // encoded
	Stalls    int64         // times the clock was set anew, as after the machine slept
}

// NewProgram opens the encoders. It must be Run, which frees it.
func NewProgram(room *Room, c Config) (*Program, error) {
	c = c.withDefaults()
	if c.FrameRate < 1 || c.FrameRate > 60 {
		return nil, fmt.Errorf("program of %g pictures a second: must be 1 to 60", c.FrameRate)
	}
	p := &Program{room: room, config: c, voices: map[*Member]*listener{}, wishes: make(chan chan *image.YCbCr), ended: make(chan struct{})}
	if err := p.open(); err != nil {
		p.free()
		return nil, fmt.Errorf("program: %w", err)
	}
	return p, nil
}

func (p *Program) open() (err error) {
	c := p.config
	if p.scene, err = newScene(layout.Size{Width: c.Width, Height: c.Height}, c.Layout); err != nil {
		return err
	}
	p.picture, err = codec.NewVideoEncoder(codec.VideoConfig{
		Encoder: c.Encoder, Width: c.Width, Height: c.Height, FrameRate: c.FrameRate, Bitrate: c.Bitrate,
		KeyframeTicks: int(math.Ceil(c.Keyframes.Seconds()*c.FrameRate)) + 1, Threads: c.Threads,
	})
	if err != nil {
		return err
	}
	p.audio, err = codec.NewAudioEncoder(codec.AAC, c.AudioBitrate)
	return err
}

func (p *Program) free() {
	if p.scene != nil {
		p.scene.close()
	}
	if p.picture != nil {
		p.picture.Close()
	}
	if p.audio != nil {
		p.audio.Close()
	}
}

// Format tells what the packets will be.
func (p *Program) Format() Format {
	c := p.config
	return Format{
		Width: c.Width, Height: c.Height, FrameRate: c.FrameRate, Bitrate: c.Bitrate, Keyframes: c.Keyframes,
		AudioBitrate: c.AudioBitrate, AudioConfig: p.audio.Config(),
	}
}

// Attach gives an Output what is made from now on, from a keyframe.
func (p *Program) Attach(o Output) *Feed {
	f := newFeed(o, func() { p.keyframe.Store(true) })
	p.mu.Lock()
	over := p.over
	if !over {
		p.feeds = append(p.feeds, f)
		p.keyframe.Store(true)
	}
	p.mu.Unlock()
	if over {
		f.finish()
	}
	return f
}

// Detach lets an Output have what is queued, and closes it.
func (p *Program) Detach(f *Feed) {
	p.mu.Lock()
	p.feeds = slices.DeleteFunc(slices.Clone(p.feeds), func(o *Feed) bool { return o == f })
	p.mu.Unlock()
	f.finish()
}

// Sizes are those of the places in which pictures are drawn now, by member: what is
// sent need not be larger.
func (p *Program) Sizes() map[string]layout.Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sizes
}

// Stats returns the figures so far.
func (p *Program) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	p.stats.WorstLate = 0
	return s
}

// Image is a copy of the picture as it is at the next tick.
func (p *Program) Image(ctx context.Context) (*image.YCbCr, error) {
	answer := make(chan *image.YCbCr, 1)
	select {
	case p.wishes <- answer:
		return <-answer, nil
	case <-p.ended:
		return nil, errors.New("image of a program that has ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lag is how late the clock may be before it is set anew: the machine slept.
const lag = 10 * time.Second

// Run composes until ctx ends, then finishes the Outputs. An error is one of the
// encoders'. It frees the Program.
func (p *Program) Run(ctx context.Context) error {
	defer p.free()
	defer close(p.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := time.Now()
	var err error
	var n int64
	for ; err == nil; n++ {
		due := start.Add(p.at(n))
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		late := time.Since(due)
		if late > lag {
			start, due = start.Add(late), due.Add(late)
		}
		err = p.tick(n, due, late)
	}
	return errors.Join(err, p.finish(n, start.Add(p.at(n))))
}

// at is when tick n is, after the first.
func (p *Program) at(n int64) time.Duration {
	return time.Duration(float64(n) / p.config.FrameRate * float64(time.Second))
}

// tick makes picture n, and the sound since the tick before.
func (p *Program) tick(n int64, due time.Time, late time.Duration) error {
	at := p.room.since(due)
	repeat := late > p.at(1)
	if !repeat {
		// Half a tick ahead, so that pictures are shown early as often as late.
		if err := p.scene.draw(p.room, at+p.at(1)/2); err != nil {
			return err
		}
	}
	p.note(late, repeat)
	select {
	case answer := <-p.wishes:
		answer <- p.scene.canvas.Image()
	default:
	}
	forced := p.keyframe.Swap(false) || p.keyframeAt(n) != p.keyframeAt(n-1)
	units, err := p.picture.Encode(p.scene.canvas, n, forced)
	if err != nil {
		return fmt.Errorf("tick %d: %w", n, err)
	}
	p.send(units)
	if n == 0 {
		return nil
	}
	return p.sound(n, at)
}

// keyframeAt counts the intervals of keyframes up to a tick.
func (p *Program) keyframeAt(n int64) int64 {
	if n < 0 {
		return -1
	}
	return int64(float64(n)/p.config.FrameRate/p.config.Keyframes.Seconds() + 1e-9)
}

func (p *Program) note(late time.Duration, repeat bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Ticks++
	p.stats.WorstLate = max(p.stats.WorstLate, late)
	if repeat {
		p.stats.Late++
	}
	if late > lag {
		p.stats.Stalls++
	}
	p.sizes = p.scene.sizes()
}

// sound mixes what was due up to tick n, at which it is now.
func (p *Program) sound(n int64, now time.Duration) error {
	end := int64(math.Round(float64(n) / p.config.FrameRate * codec.SampleRate))
	count := end - p.samples
	p.samples = end
	mix := make([]float32, 2*count)
	from := now - time.Duration(count)*time.Second/codec.SampleRate
	members, _ := p.room.present()
	for _, m := range members {
		if p.voices[m] == nil {
			p.voices[m] = &listener{}
		}
	}
	for m, l := range p.voices {
		if m.mix(l, from, mix) {
			delete(p.voices, m)
		}
	}
	packets, err := p.audio.Encode(p.limiter.limit(mix))
	if err != nil {
		return fmt.Errorf("sound of tick %d: %w", n, err)
	}
	p.sendSound(packets)
	return nil
}

// sendSound gives the packets their times. The first hold only the encoder's delay.
func (p *Program) sendSound(packets [][]byte) {
	size := int64(p.audio.FrameSize())
	for _, data := range packets {
		at := p.packets*size - int64(p.audio.Delay())
		p.packets++
		if at >= 0 {
			p.offer(Packet{Kind: media.Audio, Time: at, Duration: size, Units: [][]byte{data}})
		}
	}
}

func (p *Program) send(units []codec.Unit) {
	for _, u := range units {
		at := p.ticks(u.Tick)
		p.offer(Packet{
			Kind: media.Video, Time: at, Duration: p.ticks(u.Tick+1) - at, Keyframe: u.Keyframe, Units: nalUnits(u.Data),
		})
	}
}

// ticks is the time of tick n by VideoRate.
func (p *Program) ticks(n int64) int64 {
	return int64(math.Round(float64(n) * VideoRate / p.config.FrameRate))
}

func (p *Program) offer(packet Packet) {
	p.mu.Lock()
	feeds := p.feeds
	for _, u := range packet.Units {
		p.stats.Bytes += int64(len(u))
	}
	p.mu.Unlock()
	for _, f := range feeds {
		f.offer(packet)
	}
}

// finish sends what the encoders have and ends the Outputs.
func (p *Program) finish(n int64, due time.Time) error {
	units, err := p.picture.Finish()
	p.send(units)
	if n > 0 {
		err = errors.Join(err, p.sound(n, p.room.since(due)))
	}
	p.mu.Lock()
	feeds := p.feeds
	p.over = true
	p.mu.Unlock()
	var ending sync.WaitGroup
	for _, f := range feeds {
		ending.Go(f.finish)
	}
	ending.Wait()
	return err
}

// nalUnits splits Annex B (H.264 annex B.1), without delimiters and filler.
func nalUnits(b []byte) (units [][]byte) {
	for _, u := range bytes.Split(b, []byte{0, 0, 1}) {
		u = bytes.TrimRight(u, "\x00") // the zero of a longer start code; a unit doesn't end in one
		if len(u) == 0 || u[0]&0x1f == 9 || u[0]&0x1f == 12 {
			continue
		}
		units = append(units, u)
	}
	return units
}
