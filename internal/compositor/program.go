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
	pace     pace
	lasting  map[int64]int64 // how many ticks those pictures last that last more than one
	samples  int64           // of sound, made so far
	packets  int64           // of sound
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
	Late      int64         // of them without a picture of their own: the one before was repeated, or lasted
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
	p := &Program{
		room: room, config: c, voices: map[*Member]*listener{}, pace: pace{rate: c.FrameRate, keyframes: c.Keyframes},
		lasting: map[int64]int64{}, wishes: make(chan chan *image.YCbCr), ended: make(chan struct{}),
	}
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
	for err == nil {
		due := start.Add(p.pace.at(n))
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
			p.stalled(late)
			start, due, late = start.Add(late), due.Add(late), 0
		}
		lasts, repeat := p.pace.turn(n, late)
		p.note(lasts, late, repeat)
		err = p.tick(n, lasts, due, late, repeat)
		n += lasts
	}
	return errors.Join(err, p.finish(n, start.Add(p.pace.at(n))))
}

// tick makes picture n, which lasts some ticks, and the sound since the tick before.
func (p *Program) tick(n, lasts int64, due time.Time, late time.Duration, repeat bool) error {
	at := p.room.since(due)
	if !repeat {
		// Half a tick ahead, so that pictures are shown early as often as late.
		if err := p.scene.draw(p.room, at+max(0, late-kept)+p.pace.at(1)/2); err != nil {
			return err
		}
		p.resize()
	}
	select {
	case answer := <-p.wishes:
		answer <- p.scene.canvas.Image()
	default:
	}
	forced := p.keyframe.Swap(false) || p.pace.keyframeAt(n) != p.pace.keyframeAt(n-1)
	if lasts > 1 {
		p.lasting[n] = lasts
	}
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

// resize notes where pictures are drawn.
func (p *Program) resize() {
	sizes := p.scene.sizes()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes = sizes
}

// stalled notes that the clock is set anew.
func (p *Program) stalled(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Stalls++
	p.stats.WorstLate = max(p.stats.WorstLate, late)
}

func (p *Program) note(lasts int64, late time.Duration, repeat bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Ticks += lasts
	p.stats.Late += lasts - 1
	if repeat {
		p.stats.Late++
	}
	p.stats.WorstLate = max(p.stats.WorstLate, late)
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
		at, next := p.pace.videoTime(u.Tick), p.pace.videoTime(u.Tick+max(1, p.lasting[u.Tick]))
		delete(p.lasting, u.Tick)
		p.offer(Packet{Kind: media.Video, Time: at, Duration: next - at, Keyframe: u.Keyframe, Units: nalUnits(u.Data)})
	}
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
