package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"rostrum/realtime"
)

// A Config is a load test.
type Config struct {
	Publishers int
	Viewers    int     // each subscribes to all publishers
	JoinRate   float64 // viewers a second; 0 is all at once
	Duration   time.Duration
	Clip       ClipConfig
	Bursts     bool   // frames leave whole, not paced as by browsers
	Layer      string // that viewers choose; empty leaves it to the server
	Network    NetworkConfig
	Pin        bool // keep our server to one processor and this process to another

	// Another server, in whose URLs {n} is the publisher's number.
	WHIP, WHEP string
	PID        int // of its process on this machine, if known

	Progress io.Writer
}

// With Pin: the processors of the server and of this process.
const (
	serverProcessor = 0
	ownProcessor    = 1
)

// minBitrate is about one packet for each frame.
const minBitrate = 300_000

func (c Config) check() error {
	switch {
	case c.Publishers < 1 || c.Viewers < 1:
		return errors.New("a measurement needs a publisher and a viewer")
	case c.Duration <= 0:
		return errors.New("--duration: want a time above 0")
	case !(c.JoinRate >= 0):
		return errors.New("--join-rate: want a number that is not below 0")
	case !(c.Network.Loss >= 0 && c.Network.Loss < 1):
		return errors.New("--loss: want a percentage below 100")
	case c.Network.Delay < 0 || c.Network.Feedback < 0:
		return errors.New("--delay and --feedback: want times that are not below 0")
	case c.Clip.File != "" && c.Clip.Simulcast:
		return errors.New("--simulcast goes with the test pattern only: --file has one layer")
	case c.Clip.Bitrate < minBitrate:
		return fmt.Errorf("--video-bitrate: %d is less than one packet for each frame: want at least %dk", c.Clip.Bitrate, minBitrate/1000)
	case c.Pin && Processors() < 2:
		return errors.New("--pin needs two processors, and a system that lets a process choose")
	}
	return nil
}

// A Run measures servers by one config.
type Run struct {
	Config
	clip *Clip
}

// New makes the clip. An error is one of the config.
func New(c Config) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	clip, err := NewClip(c.Clip)
	if err != nil {
		return nil, err
	}
	return &Run{c, clip}, nil
}

// pin keeps this process to its processor, if the config says so.
func (r *Run) pin() error {
	if !r.Pin {
		return nil
	}
	return PinTo(ownProcessor)
}

func (r *Run) plan() Plan {
	return Plan{Layer: r.Layer, Clip: r.clip, Bursts: r.Bursts, Network: r.Network}
}

// MeasureOther measures the server at WHIP and WHEP.
func (r *Run) MeasureOther(ctx context.Context) (Report, error) {
	if err := r.pin(); err != nil {
		return Report{}, err
	}
	plan := r.plan()
	plan.PID = r.PID
	for n := range r.Publishers {
		plan.Publish = append(plan.Publish, realtime.Endpoint{URL: numbered(r.WHIP, n)})
	}
	plan.Subscribe = func(_, n int) realtime.Endpoint { return realtime.Endpoint{URL: numbered(r.WHEP, n)} }
	return r.measure(ctx, plan)
}

func numbered(url string, n int) string {
	return strings.ReplaceAll(url, "{n}", strconv.Itoa(n+1))
}

// MeasureOwn starts a server of this executable and measures it.
func (r *Run) MeasureOwn(ctx context.Context) (report Report, err error) {
	if err := r.pin(); err != nil {
		return report, err
	}
	server, err := startServer(ctx, r.Pin)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	stage, err := CreateStage(ctx, server.access, r.Publishers)
	if err != nil {
		return report, err
	}
	plan := r.plan()
	plan.PID = server.process.Process.Pid
	stage.SetEndpoints(&plan)
	if err := stage.AddViewers(ctx, r.Viewers); err != nil {
		return report, err
	}
	return r.measure(ctx, plan)
}

// measure connects all participants, measures, and disconnects them.
func (r *Run) measure(ctx context.Context, plan Plan) (report Report, err error) {
	m, err := Open(ctx, plan)
	if err != nil {
		return report, err
	}
	defer func() {
		if closing := m.Close(); err == nil { // a server that is gone fails here too
			err = closing
		}
	}()
	fmt.Fprintf(r.Progress, "%d publishers are connected; %d viewers join\n", r.Publishers, r.Viewers)
	if err := m.Join(ctx, r.Viewers, r.JoinRate); err != nil {
		return report, err
	}
	fmt.Fprintf(r.Progress, "measuring for %v\n", r.Duration)
	return m.Measure(ctx, r.Duration)
}
