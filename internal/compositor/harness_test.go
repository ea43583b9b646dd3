//go:build cgo

package compositor

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/media"
)

// clip is encoded media that a test participant sends: 30 pictures a second, a
// keyframe each second, and 20 ms packets of audio.
type clip struct {
	width, height int
	pictures      []codec.Unit
	packets       [][]byte
}

// A drawFunc draws picture n of the second that a clip repeats.
type drawFunc func(c *codec.Canvas, n int)

// plain is a picture of one grey.
func plain(luma uint8) drawFunc {
	return func(c *codec.Canvas, _ int) { c.Fill(image.Rect(0, 0, 1<<12, 1<<12), luma) }
}

// flash is white in the first tenth of the second, grey otherwise.
func flash(c *codec.Canvas, n int) {
	if n < 3 {
		c.Fill(image.Rect(0, 0, 1<<12, 1<<12), 235)
	} else {
		c.Fill(image.Rect(0, 0, 1<<12, 1<<12), 60)
	}
}

// newClip makes a clip; level is that of the audio at a time of the second.
func newClip(t testing.TB, width, height int, draw drawFunc, level func(at float64) float64) clip {
	t.Helper()
	canvas, err := codec.NewCanvas(width, height)
	if err != nil {
		t.Fatal(err)
	}
	defer canvas.Close()
	encoder, err := codec.NewVideoEncoder(codec.VideoConfig{Width: width, Height: height, FrameRate: 30, Bitrate: 500_000, KeyframeTicks: 1000, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	c := clip{width: width, height: height}
	for n := range 30 {
		draw(canvas, n)
		u, err := encoder.Encode(canvas, int64(n), n == 0)
		if err != nil {
			t.Fatal(err)
		}
		c.pictures = append(c.pictures, u...)
	}
	audio, err := codec.NewAudioEncoder(codec.Opus, 64_000)
	if err != nil {
		t.Fatal(err)
	}
	defer audio.Close()
	// The second second is kept, after the encoder has settled.
	wave := make([]float32, 2*(2*codec.SampleRate+960))
	for i := range len(wave) / 2 {
		at := float64(i+audio.Delay()) / codec.SampleRate
		v := float32(level(at-math.Floor(at)) * math.Sin(2*math.Pi*1000*at))
		wave[2*i], wave[2*i+1] = v, v
	}
	packets, err := audio.Encode(wave)
	if err != nil {
		t.Fatal(err)
	}
	c.packets = packets[50:100]
	return c
}

func silent(float64) float64 { return 0 }

// beep is audible in the first tenth of the second.
func beep(at float64) float64 {
	if at < 0.1 {
		return 0.5
	}
	return 0
}

// path is the network between a clip and its participant.
type path struct {
	audio, video time.Duration // transit times
	jitter       time.Duration // added, at most
	drift        float64       // of the sender's clocks, relative: 1e-4 is fast
	unreported   bool          // no sender reports
	seed         uint64
}

// send plays the clip to the participant in real time until ctx ends. It begins at a
// whole second of the sender's clock.
func (c clip) send(ctx context.Context, m *Participant, p path) {
	r := rand.New(rand.NewPCG(p.seed, 7))
	audioBase, videoBase := r.Uint32(), r.Uint32()
	begin := time.Now()
	senderBegin := time.Unix(1_000_000_000, 0)
	var both sync.WaitGroup
	play := func(every time.Duration, travel time.Duration, frame func(n int) Frame) {
		both.Go(func() {
			jitter := rand.New(rand.NewPCG(p.seed, uint64(every)))
			for n := 0; ; n++ {
				taken := time.Duration(n) * every // by the sender's clock
				f := frame(n)
				if !p.unreported {
					f.Captured = senderBegin.Add(taken)
				}
				late := travel
				if p.jitter > 0 {
					late += time.Duration(jitter.Int64N(int64(p.jitter)))
				}
				f.Arrived = begin.Add(time.Duration(float64(taken)/(1+p.drift)) + late)
				select {
				case <-time.After(time.Until(f.Arrived)):
				case <-ctx.Done():
					return
				}
				if f.Data != nil {
					m.Write(f)
				}
			}
		})
	}
	if c.pictures != nil {
		play(time.Second/30, p.video, func(n int) Frame {
			u := c.pictures[n%30]
			return Frame{Codec: media.H264, Timestamp: videoBase + uint32(n)*3000, Keyframe: u.Keyframe, Width: c.width, Height: c.height, Data: u.Data}
		})
	}
	if c.packets != nil {
		play(20*time.Millisecond, p.audio, func(n int) Frame {
			return Frame{Codec: media.Opus, Timestamp: audioBase + uint32(n)*960, Data: c.packets[n%50]}
		})
	}
	both.Wait()
}

// capture is an Output that keeps all packets.
type capture struct {
	t            testing.TB
	format       Format
	mu           sync.Mutex
	video, audio []Packet
	closed       bool
}

func (o *capture) Write(p Packet) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.Kind == media.Audio {
		o.audio = append(o.audio, p)
		return nil
	}
	o.video = append(o.video, p)
	return nil
}

// pictures counts what has come so far.
func (o *capture) pictures() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.video)
}

func (o *capture) Close() error {
	o.closed = true
	return nil
}

// expectContinuous checks that no time is missing or repeated.
func (o *capture) expectContinuous() {
	o.t.Helper()
	if len(o.video) == 0 || len(o.audio) == 0 {
		o.t.Fatalf("%d pictures and %d audio packets came out", len(o.video), len(o.audio))
	}
	if !o.video[0].Keyframe {
		o.t.Errorf("the first picture is no keyframe")
	}
	for _, of := range [][]Packet{o.video, o.audio} {
		for i := 1; i < len(of); i++ {
			if of[i].Time != of[i-1].Time+of[i-1].Duration {
				o.t.Fatalf("%s %d is at %d, want %d", of[i].Kind, i, of[i].Time, of[i-1].Time+of[i-1].Duration)
			}
		}
	}
}

// lumas decodes the pictures and returns the luma at points of each.
func (o *capture) lumas(at ...image.Point) (all [][]int) {
	o.t.Helper()
	d, err := codec.NewVideoDecoder(media.H264)
	if err != nil {
		o.t.Fatal(err)
	}
	defer d.Close()
	canvas, err := codec.NewCanvas(o.format.Width, o.format.Height)
	if err != nil {
		o.t.Fatal(err)
	}
	defer canvas.Close()
	tile, err := codec.NewTile()
	if err != nil {
		o.t.Fatal(err)
	}
	defer tile.Close()
	for _, p := range o.video {
		var unit []byte
		for _, u := range p.Units {
			unit = append(append(unit, 0, 0, 0, 1), u...)
		}
		pictures, err := d.Decode(unit, 0)
		if err != nil || len(pictures) != 1 {
			o.t.Fatalf("picture at %d gave %d pictures, %v", p.Time, len(pictures), err)
		}
		if err := tile.Scale(pictures[0], image.Rect(0, 0, o.format.Width, o.format.Height), image.Pt(o.format.Width, o.format.Height)); err != nil {
			o.t.Fatal(err)
		}
		canvas.Put(tile, image.Point{})
		pictures[0].Close()
		plane, stride := canvas.Plane(0)
		var row []int
		for _, q := range at {
			row = append(row, int(plane[q.Y*stride+q.X]))
		}
		all = append(all, row)
	}
	return all
}

// samples decodes the audio of the left channel; the first is at time 0.
func (o *capture) samples() (all []float32) {
	o.t.Helper()
	d, err := codec.NewAudioDecoder(codec.AAC, o.format.AudioConfig)
	if err != nil {
		o.t.Fatal(err)
	}
	defer d.Close()
	all = make([]float32, o.audio[0].Time)
	for _, p := range o.audio {
		s, err := d.Decode(p.Units[0])
		if err != nil {
			o.t.Fatal(err)
		}
		for i := 0; i < len(s); i += 2 {
			all = append(all, s[i])
		}
	}
	return all
}

// A harness is a Stage with one Program whose packets are captured.
type harness struct {
	t       testing.TB
	stage   *Stage
	program *Program
	capture *capture
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// start runs a Program; participants that join end with it.
func start(t testing.TB, c Config) *harness {
	t.Helper()
	s := &harness{t: t, stage: NewStage()}
	p, err := NewProgram(s.stage, c)
	if err != nil {
		t.Fatal(err)
	}
	s.program, s.capture = p, &capture{t: t, format: p.Format()}
	s.ctx, s.end = context.WithCancel(context.Background())
	p.Attach(s.capture)
	s.running.Go(func() {
		if err := p.Run(s.ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// join adds a participant that sends a clip; leave removes it.
func (s *harness) join(id string, c clip, p path, change ...func(*ParticipantConfig)) (m *Participant, leave func()) {
	s.t.Helper()
	config := ParticipantConfig{ID: id}
	for _, f := range change {
		f(&config)
	}
	m, err := s.stage.Join(config)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	var sending sync.WaitGroup
	sending.Go(func() { c.send(ctx, m, p) })
	s.running.Go(sending.Wait)
	return m, func() {
		cancel()
		sending.Wait()
		m.Leave()
	}
}

// stop ends all and returns what was captured.
func (s *harness) stop() *capture {
	s.end()
	s.running.Wait()
	s.stage.Close()
	if !s.capture.closed {
		s.t.Error("the output was not closed")
	}
	return s.capture
}
