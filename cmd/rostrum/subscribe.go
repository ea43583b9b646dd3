package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/internal/wire"
)

// subscribeVerb receives one publisher of a stage, or all: into a file, or to tell
// how well it comes.
type subscribeVerb struct {
	door
	WHEP string `name:"whep" help:"Subscribe at this WHEP URL instead of where the token says." group:"Other servers" placeholder:"URL"`

	Participant string        `arg:"" optional:"" help:"Whom to receive; without it, the first who publishes."`
	All         bool          `help:"Receive every publisher, as they come and go."`
	Out         string        `short:"o" help:"Write into a file: .mkv, .mp4, .webm, .h264, .ivf or .ogg." placeholder:"FILE"`
	AudioOnly   bool          `help:"Receive no picture."`
	Layer       string        `help:"Ask for a layer by its label; auto lets the server choose." placeholder:"LABEL"`
	Duration    time.Duration `help:"Stop after this time."`
}

// Run receives until the time or the publisher ends, or we are told to stop.
// Without a --duration the end of the publisher is an error unless all are
// received; that nothing came always is.
func (v *subscribeVerb) Run(ctx context.Context, out *output) error {
	if v.All && (v.Participant != "" || v.Out != "" || v.WHEP != "") {
		return misuse(errors.New("--all goes with neither a participant nor --out nor --whep"))
	}
	if v.Out != "" && !container.Takes(v.Out, media.Opus) && !container.Takes(v.Out, media.H264) && !container.Takes(v.Out, media.VP8) {
		return misuse(fmt.Errorf("--out %s: want a name ending in .mkv, .mp4, .webm, .h264, .ivf or .ogg", v.Out))
	}
	var token peer.Token
	if v.WHEP == "" {
		var err error
		if token, err = v.read(); err != nil {
			return err
		}
		if !token.Subscribe {
			return denied{errors.New("the token doesn't allow to subscribe")}
		}
	}
	timed := ctx
	if v.Duration > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, v.Duration)
		defer cancel()
	}
	w := &viewer{verb: v, out: out, told: ctx}
	var err error
	switch {
	case v.WHEP != "":
		err = w.watch(timed, v.WHEP, peer.Endpoint{URL: v.WHEP, Bearer: cmp.Or(v.Bearer, v.Token)})
	case v.Participant != "":
		err = w.watchParticipant(timed, token, v.Participant)
	default:
		err = w.follow(timed, token)
	}
	if err == nil && !w.sawFrames() && ctx.Err() == nil {
		err = errors.New("nothing came: no frame could be decoded")
	}
	return denial(err)
}

// viewer is one run of the verb.
type viewer struct {
	verb *subscribeVerb
	out  *output
	told context.Context // ends when we are told to stop, and not with the duration

	mu     sync.Mutex // guards what follows
	frames uint64
}

func (w *viewer) sawFrames() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frames > 0
}

// follow watches all publishers of the stage, or the first.
func (w *viewer) follow(ctx context.Context, token peer.Token) error {
	events, err := peer.NewEvents(token, nil)
	if err != nil {
		return err
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var first sync.Once
	var watched error // of the first, if one is enough
	err = peer.Follow(ctx, token, events, nil, func(there context.Context, m wire.Participant) {
		if w.verb.All {
			if err := w.watchParticipant(there, token, m.ID); err != nil && there.Err() == nil {
				w.say(received{Event: "error", ParticipantID: m.ID, Error: err.Error()})
			}
			return
		}
		first.Do(func() {
			// Not until the publisher is said to be gone, but until it can't be received: after
			// a restart of the server those who come back first find it missing.
			watched = w.watchParticipant(ctx, token, m.ID)
			enough()
		})
	})
	return errors.Join(err, watched)
}

func (w *viewer) watchParticipant(ctx context.Context, token peer.Token, id string) error {
	at, err := token.SubscribeAt(id)
	if err != nil {
		return err
	}
	return w.watch(ctx, id, at)
}

// watch receives one publisher until ctx ends, which is no error. What goes into a file
// isn't continued after an interruption.
func (w *viewer) watch(ctx context.Context, id string, at peer.Endpoint) error {
	if w.verb.Out != "" {
		recording := peer.NewRecording(w.verb.Out)
		_, err := w.visit(ctx, id, at, recording.Take)
		if closing := recording.Close(); closing != nil {
			return errors.Join(err, fmt.Errorf("%s: %w", w.verb.Out, closing))
		}
		return err
	}
	interrupted := func(err error) {
		w.say(received{Event: "interrupted", ParticipantID: id, Error: err.Error()})
	}
	return w.verb.rejoin(ctx, interrupted, func(ctx context.Context) (peer.Ending, error) {
		return w.visit(ctx, id, at, nil)
	})
}

// visit receives a publisher through one connection.
func (w *viewer) visit(ctx context.Context, id string, at peer.Endpoint, take func(*peer.Inlet, peer.Received)) (peer.Ending, error) {
	began := time.Now()
	sub, err := peer.Subscribe(ctx, at, peer.SubscribeConfig{Network: w.verb.Network, AudioOnly: w.verb.AudioOnly, OnFrame: take})
	if err != nil {
		if ctx.Err() != nil {
			return "", nil
		}
		return "", err
	}
	r := reporter{viewer: w, id: id, sub: sub, began: time.Now(), last: map[*peer.Inlet]peer.Stats{}}
	w.say(received{Event: "subscribed", ParticipantID: id, Elapsed: millis(time.Since(began))})
	if w.verb.Layer != "" {
		if _, err := sub.ChooseLayer(ctx, w.verb.Layer); err != nil {
			return peer.Ours, errors.Join(fmt.Errorf("choose layer %s: %w", w.verb.Layer, err), sub.Close())
		}
	}
	err = r.run(ctx)
	if closing := sub.Close(); w.told.Err() == nil {
		err = errors.Join(err, closing)
	}
	r.summary()
	return sub.Ending(), err
}

// reporter tells each second how one subscription does.
type reporter struct {
	*viewer
	id        string
	sub       *peer.Subscription
	began     time.Time
	last      map[*peer.Inlet]peer.Stats
	latencies []time.Duration // of the whole run
}

func (r *reporter) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.second()
		case <-r.sub.Done():
			return fmt.Errorf("receiving %s ended: %w", r.id, r.sub.Err())
		case <-ctx.Done():
			return nil
		}
	}
}

// change is what became of an inlet since it was last looked at.
type change struct {
	in          *peer.Inlet
	before, now peer.Stats
}

// look takes the figures of all inlets, and tells when the first picture came.
func (r *reporter) look() []change {
	var all []change
	for _, in := range r.sub.Inlets() {
		c := change{in: in, before: r.last[in], now: in.Stats()}
		r.last[in] = c.now
		if c.before.Keyframes == 0 && c.now.Keyframes > 0 {
			r.say(received{Event: "first-picture", ParticipantID: r.id, KeyframeWait: millis(c.now.KeyframeWait)})
		}
		if len(r.latencies) < 1_000_000 {
			r.latencies = append(r.latencies, c.now.Latencies...)
		}
		all = append(all, c)
	}
	return all
}

// second tells what happened since it was last called.
func (r *reporter) second() {
	for _, c := range r.look() {
		r.say(r.figures("statistics", c, c.now.Latencies, time.Second))
	}
}

// summary tells of the whole run.
func (r *reporter) summary() {
	for _, c := range r.look() {
		r.mu.Lock()
		r.frames += c.now.Frames
		r.mu.Unlock()
		c.before = peer.Stats{}
		latencies := r.latencies
		if c.in.Codec.Kind() == media.Audio {
			latencies = nil
		}
		r.say(r.figures("summary", c, latencies, time.Since(r.began)))
	}
}

func (r *reporter) figures(event string, c change, latencies []time.Duration, over time.Duration) received {
	now, before := c.now, c.before
	f := received{
		Event: event, ParticipantID: r.id, Kind: c.in.Codec.Kind().String(), Codec: c.in.Codec.String(),
		Bitrate: uint64(8 * float64(now.Bytes-before.Bytes) / over.Seconds()), Packets: now.Packets - before.Packets, Lost: now.Lost - before.Lost,
		Jitter: millis(now.Jitter), Frames: now.Frames - before.Frames, Keyframes: now.Keyframes - before.Keyframes,
		FPS: float64(now.Frames-before.Frames) / over.Seconds(), Width: now.Width, Height: now.Height,
		Freezes: now.Freezes - before.Freezes, Frozen: millis(now.Frozen - before.Frozen), KeyframeWait: millis(now.KeyframeWait),
	}
	if len(latencies) > 0 {
		sorted := slices.Sorted(slices.Values(latencies))
		at := func(share float64) *float64 {
			ms := millis(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))])
			return &ms
		}
		f.LatencyMedian, f.LatencyP95, f.LatencyP99 = at(0.5), at(0.95), at(0.99)
	}
	return f
}

// received is what the verb tells. In "statistics" the counts are of the last
// second, in "summary" of the whole run.
type received struct {
	Event         string   `json:"event"`
	ParticipantID string   `json:"participantId"`
	Error         string   `json:"error,omitempty"`
	Elapsed       float64  `json:"elapsedMs,omitempty"` // until media could flow
	Kind          string   `json:"kind,omitempty"`
	Codec         string   `json:"codec,omitempty"`
	Bitrate       uint64   `json:"bitrate,omitempty"` // bits a second
	Packets       uint64   `json:"packets,omitempty"`
	Lost          uint64   `json:"lost,omitempty"`
	Jitter        float64  `json:"jitterMs,omitempty"`
	Frames        uint64   `json:"frames,omitempty"`
	FPS           float64  `json:"fps,omitempty"`
	Keyframes     uint64   `json:"keyframes,omitempty"`
	Width         int      `json:"width,omitempty"`
	Height        int      `json:"height,omitempty"`
	Freezes       uint64   `json:"freezes,omitempty"`
	Frozen        float64  `json:"frozenMs,omitempty"`
	KeyframeWait  float64  `json:"keyframeWaitMs,omitempty"` // from offer to first keyframe
	LatencyMedian *float64 `json:"latencyMs,omitempty"`      // from drawing to arrival, of the test pattern
	LatencyP95    *float64 `json:"latencyP95Ms,omitempty"`
	LatencyP99    *float64 `json:"latencyP99Ms,omitempty"`
}

func (w *viewer) say(f received) {
	// A terminal that went away is no reason to stop.
	_ = w.out.say(f, func(to io.Writer) { f.describe(to) })
}

func (f received) describe(w io.Writer) {
	switch f.Event {
	case "subscribed":
		fmt.Fprintf(w, "%s  connected in %.0f ms; Ctrl-C stops\n", f.ParticipantID, f.Elapsed)
	case "first-picture":
		fmt.Fprintf(w, "%s  first picture %.0f ms after the offer\n", f.ParticipantID, f.KeyframeWait)
	case "error":
		fmt.Fprintf(w, "%s  %s\n", f.ParticipantID, f.Error)
	case "interrupted":
		fmt.Fprintf(w, "%s  %s; coming back\n", f.ParticipantID, f.Error)
	default:
		f.describeFigures(w)
	}
}

func (f received) describeFigures(w io.Writer) {
	what := f.Codec
	if f.Width > 0 {
		what = fmt.Sprintf("%s %dx%d %.1f fps", f.Codec, f.Width, f.Height, f.FPS)
	}
	total := ""
	if f.Event == "summary" {
		total = "in all: "
	}
	loss := 0.0
	if f.Packets > 0 {
		loss = 100 * float64(f.Lost) / float64(f.Packets+f.Lost)
	}
	fmt.Fprintf(w, "%s  %s%-24s %12s  loss %.1f %%  jitter %.1f ms", f.ParticipantID, total, what, bitrate(float64(f.Bitrate)), loss, f.Jitter)
	if f.LatencyMedian != nil {
		fmt.Fprintf(w, "  latency %.1f ms (p95 %.1f)", *f.LatencyMedian, *f.LatencyP95)
	}
	if f.Freezes > 0 {
		fmt.Fprintf(w, "  %d freezes, %.0f ms", f.Freezes, f.Frozen)
	}
	fmt.Fprintln(w)
}
