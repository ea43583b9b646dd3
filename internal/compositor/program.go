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

// A Program composes a Stage in one format.
type Program struct {
	stage  *Stage
	config Config
	videoOutput
	audioOutput
	clock outputClock

	keyframeRequested atomic.Bool
	imageRequests     chan chan *image.YCbCr
	ended             chan struct{}

	rendered func(Packet) // gets the packets of Render; nil otherwise

	mu       sync.Mutex // guards what follows
	queues   []*Queue   // replaced, never changed
	finished bool       // no queue is added any more
	sizes    map[string]layout.Size
	stats    Stats
}

// videoOutput is the state of the video; of Run's goroutine.
type videoOutput struct {
	renderer     *renderer
	videoEncoder *codec.VideoEncoder
	tickCounts   map[int64]int64 // how many ticks a picture lasts, by its tick, where more than one
}

// audioOutput is the state of the audio; of Run's goroutine.
type audioOutput struct {
	audioEncoder *codec.AudioEncoder
	limiter      limiter
	readers      map[*Participant]*audioReader
	samples      int64 // mixed so far
	audioPackets int64 // encoded so far
}

// Stats describe a Program's output.
type Stats struct {
	Ticks     int64
	Late      int64         // ticks without a picture of their own: the one before was repeated, or lasted
	WorstLate time.Duration // since the last Stats
	Bytes     int64         // encoded
	Stalls    int64         // resets of the clock, as after the machine slept
}

// NewProgram opens the encoders. The caller must call Run, which closes them.
func NewProgram(stage *Stage, c Config) (*Program, error) {
	c = c.withDefaults()
	if c.FrameRate < 1 || c.FrameRate > 60 {
		return nil, fmt.Errorf("program of %g pictures a second: must be 1 to 60", c.FrameRate)
	}
	p := &Program{
		stage: stage, config: c, clock: outputClock{rate: c.FrameRate, keyframes: c.Keyframes},
		videoOutput:   videoOutput{tickCounts: map[int64]int64{}},
		audioOutput:   audioOutput{readers: map[*Participant]*audioReader{}},
		imageRequests: make(chan chan *image.YCbCr), ended: make(chan struct{}),
	}
	if err := p.open(); err != nil {
		p.close()
		return nil, fmt.Errorf("program: %w", err)
	}
	return p, nil
}

func (p *Program) open() (err error) {
	c := p.config
	if p.renderer, err = newRenderer(layout.Size{Width: c.Width, Height: c.Height}, c.Layout, p.clock.at(1)); err != nil {
		return err
	}
	p.videoEncoder, err = codec.NewVideoEncoder(codec.VideoConfig{
		Encoder: c.Encoder, Width: c.Width, Height: c.Height, FrameRate: c.FrameRate, Bitrate: c.Bitrate,
		KeyframeTicks: int(math.Ceil(c.Keyframes.Seconds()*c.FrameRate)) + 1, Threads: c.Threads,
	})
	if err != nil {
		return err
	}
	p.audioEncoder, err = codec.NewAudioEncoder(codec.AAC, c.AudioBitrate)
	return err
}

func (p *Program) close() {
	if p.renderer != nil {
		p.renderer.close()
	}
	if p.videoEncoder != nil {
		p.videoEncoder.Close()
	}
	if p.audioEncoder != nil {
		p.audioEncoder.Close()
	}
}

// Format describes the packets.
func (p *Program) Format() Format {
	c := p.config
	return Format{
		Width: c.Width, Height: c.Height, FrameRate: c.FrameRate, Bitrate: c.Bitrate, Keyframes: c.Keyframes,
		AudioBitrate: c.AudioBitrate, AudioConfig: p.audioEncoder.Config(),
	}
}

// Attach gives an Output the packets from now on, beginning with a keyframe.
func (p *Program) Attach(o Output) *Queue {
	q := newQueue(o, func() { p.keyframeRequested.Store(true) })
	p.mu.Lock()
	finished := p.finished
	if !finished {
		p.queues = append(p.queues, q)
		p.keyframeRequested.Store(true)
	}
	p.mu.Unlock()
	if finished {
		q.finish()
	}
	return q
}

// Detach lets an Output write what is queued, and closes it.
func (p *Program) Detach(q *Queue) {
	p.mu.Lock()
	p.queues = slices.DeleteFunc(slices.Clone(p.queues), func(o *Queue) bool { return o == q })
	p.mu.Unlock()
	q.finish()
}

// Sizes are those of the tiles in which pictures are drawn, by participant: received
// layers need not be larger.
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

// Image returns a copy of the picture at the next tick.
func (p *Program) Image(ctx context.Context) (*image.YCbCr, error) {
	answer := make(chan *image.YCbCr, 1)
	select {
	case p.imageRequests <- answer:
		return <-answer, nil
	case <-p.ended:
		return nil, errors.New("image of a program that has ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Run composes until ctx ends, then finishes the Outputs and closes the encoders. An
// error is one of the encoders'.
func (p *Program) Run(ctx context.Context) error {
	defer p.close()
	defer close(p.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := time.Now()
	var err error
	var n int64
	for err == nil {
		due := start.Add(p.clock.at(n))
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		late := time.Since(due)
		if late > maxLag {
			p.recordStall(late)
			start, due, late = start.Add(late), due.Add(late), 0
		}
		lasts, repeat := p.clock.schedule(n, late)
		p.recordTick(lasts, late, repeat)
		err = p.tick(n, lasts, due, late, repeat)
		n += lasts
	}
	return errors.Join(err, p.finish(n, start.Add(p.clock.at(n))))
}

// tick makes picture n, which lasts some ticks, and the audio since the tick before.
func (p *Program) tick(n, lasts int64, due time.Time, late time.Duration, repeat bool) error {
	at := p.stage.since(due)
	if !repeat {
		// Half a tick ahead, so that pictures are early as often as late.
		if err := p.renderer.draw(p.stage, at+max(0, late-maxPictureAge)+p.clock.at(1)/2); err != nil {
			return err
		}
		p.updateSizes()
	}
	select {
	case answer := <-p.imageRequests:
		answer <- p.renderer.canvas.Image()
	default:
	}
	keyframe := p.keyframeRequested.Swap(false) || p.clock.keyframeAt(n) != p.clock.keyframeAt(n-1)
	if lasts > 1 {
		p.tickCounts[n] = lasts
	}
	units, err := p.videoEncoder.Encode(p.renderer.canvas, n, keyframe)
	if err != nil {
		return fmt.Errorf("tick %d: %w", n, err)
	}
	p.sendVideo(units)
	if n == 0 {
		return nil
	}
	return p.mixAudio(n, at)
}

func (p *Program) updateSizes() {
	sizes := p.renderer.sizes()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes = sizes
}

func (p *Program) recordStall(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Stalls++
	p.stats.WorstLate = max(p.stats.WorstLate, late)
}

func (p *Program) recordTick(lasts int64, late time.Duration, repeat bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Ticks += lasts
	p.stats.Late += lasts - 1
	if repeat {
		p.stats.Late++
	}
	p.stats.WorstLate = max(p.stats.WorstLate, late)
}

// mixAudio mixes and encodes what was due up to tick n, which is now.
func (p *Program) mixAudio(n int64, now time.Duration) error {
	end := int64(math.Round(float64(n) / p.config.FrameRate * codec.SampleRate))
	count := end - p.samples
	p.samples = end
	mixed := make([]float32, 2*count)
	from := now - time.Duration(count)*time.Second/codec.SampleRate
	participants := p.stage.present()
	for _, participant := range participants {
		if p.readers[participant] == nil {
			p.readers[participant] = &audioReader{}
		}
	}
	for participant, r := range p.readers { // also those that left, until they have faded out
		if participant.mix(r, from, mixed) {
			delete(p.readers, participant)
		}
	}
	packets, err := p.audioEncoder.Encode(p.limiter.limit(mixed))
	if err != nil {
		return fmt.Errorf("audio of tick %d: %w", n, err)
	}
	p.sendAudio(packets)
	return nil
}

// sendAudio gives packets their times. The first hold only the encoder's delay.
func (p *Program) sendAudio(packets [][]byte) {
	size := int64(p.audioEncoder.FrameSize())
	for _, data := range packets {
		at := p.audioPackets*size - int64(p.audioEncoder.Delay())
		p.audioPackets++
		if at >= 0 {
			p.send(Packet{Kind: media.Audio, Time: at, Duration: size, Units: [][]byte{data}})
		}
	}
}

func (p *Program) sendVideo(units []codec.Unit) {
	for _, u := range units {
		at, next := p.clock.videoTime(u.Tick), p.clock.videoTime(u.Tick+max(1, p.tickCounts[u.Tick]))
		delete(p.tickCounts, u.Tick)
		p.send(Packet{Kind: media.Video, Time: at, Duration: next - at, Keyframe: u.Keyframe, Units: nalUnits(u.Data)})
	}
}

func (p *Program) send(packet Packet) {
	p.mu.Lock()
	queues := p.queues
	for _, u := range packet.Units {
		p.stats.Bytes += int64(len(u))
	}
	p.mu.Unlock()
	if p.rendered != nil {
		p.rendered(packet)
	}
	for _, q := range queues {
		q.offer(packet)
	}
}

// finish sends what the encoders hold and ends the Outputs.
func (p *Program) finish(n int64, due time.Time) error {
	units, err := p.videoEncoder.Finish()
	p.sendVideo(units)
	if n > 0 {
		err = errors.Join(err, p.mixAudio(n, p.stage.since(due)))
	}
	p.mu.Lock()
	queues := p.queues
	p.finished = true
	p.mu.Unlock()
	var ending sync.WaitGroup
	for _, q := range queues {
		ending.Go(q.finish)
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
