//go:build cgo

package mediajob

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/media"
	"rostrum/internal/worker"
	"rostrum/realtime"
)

const (
	layerInterval    = 500 * time.Millisecond // between choices of a layer
	resubscribeDelay = time.Second
	requestTimeout   = 15 * time.Second
)

// follow stays on the stage and receives its publishers until ctx ends. An error says why
// the composition may not stay.
func (c *composition) follow(ctx context.Context) error {
	stage, err := c.join(ctx)
	if stage == nil {
		return err
	}
	c.report(worker.Report{Kind: worker.Ready})
	// The roster is updated before the receptions that follow from an event.
	apply := func(e realtime.Event) {
		if _, missed := e.(realtime.Missed); missed {
			c.roster.replace(stage.Participants(), c.stage)
			return
		}
		c.roster.apply(e, c.stage)
	}
	err = stage.Follow(ctx, apply, func(ctx context.Context, p realtime.Participant) { c.receive(ctx, stage, p.ID) })
	_ = stage.Close() // it has ended, or is left
	if errors.Is(err, realtime.StageDeleted) {
		return errors.New(worker.StageDeleted)
	}
	return err
}

// join joins the stage, for as long as the server runs. It returns nil, nil if ctx ended.
func (c *composition) join(ctx context.Context) (*realtime.Stage, error) {
	cfg := realtime.Config{Rejoin: math.MaxInt64, Client: trustingClient(c.job.Certificates)}
	reported := ""
	for {
		stage, err := realtime.Join(ctx, c.job.Token, cfg)
		refused, answered := errors.AsType[*realtime.Problem](err)
		switch {
		case err == nil:
			return stage, nil
		case ctx.Err() != nil:
			return nil, nil
		case answered && refused.Status/100 == 4 && refused.Status != http.StatusTooManyRequests:
			return nil, err
		}
		if reported != err.Error() {
			reported = err.Error()
			c.log("WARN", "join the stage: %v", err)
		}
		select {
		case <-time.After(resubscribeDelay):
		case <-ctx.Done():
		}
	}
}

// trustingClient returns a client that trusts certificates beside those of the system.
func trustingClient(certificates string) *http.Client {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM([]byte(certificates)) {
		return nil // the default
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return &http.Client{Timeout: requestTimeout, Transport: transport}
}

// receive composes one publisher until ctx ends. It subscribes again whenever the
// subscription ends.
func (c *composition) receive(ctx context.Context, stage *realtime.Stage, publisher string) {
	r := &reception{composition: c, stage: stage, id: publisher}
	participant, err := c.roster.join(r, c.stage)
	if err != nil {
		c.log("WARN", "%v", err)
		return
	}
	if participant == nil {
		return
	}
	defer c.roster.remove(r)
	r.participant = participant
	for ctx.Err() == nil {
		if err := r.run(ctx); err != nil && ctx.Err() == nil {
			c.log("WARN", "receive %s: %v", publisher, err)
		}
		select {
		case <-time.After(resubscribeDelay):
		case <-ctx.Done():
		}
	}
}

// A reception subscribes to one publisher.
type reception struct {
	composition *composition
	stage       *realtime.Stage
	id          string
	participant *compositor.Participant
	superseded  atomic.Bool // a newer reception of the publisher continues its place

	mu    sync.Mutex // guards what follows
	video *realtime.RemoteTrack
}

// run is one subscription, to its end.
func (r *reception) run(ctx context.Context) error {
	r.participant.BeginStream(r.requestKeyframe)
	s, err := r.stage.Subscribe(ctx, r.id, realtime.SubscribeConfig{OnSample: r.write, Rejoin: realtime.NoRejoin})
	if err != nil {
		return err
	}
	r.participant.SetVideoAbsent(!s.Negotiated(media.Video))
	r.chooseLayers(ctx, s)
	err = s.Err()
	return errors.Join(err, s.Close())
}

// write gives a frame to the compositor.
func (r *reception) write(in *realtime.RemoteTrack, f realtime.Received) {
	if r.superseded.Load() {
		return
	}
	captured, _ := in.Captured(f.Timestamp)
	if in.Codec.Kind() == media.Video {
		r.mu.Lock()
		r.video = in
		r.mu.Unlock()
	}
	r.participant.Write(compositor.Frame{
		Codec: in.Codec, Timestamp: f.Timestamp, Captured: captured, Arrived: f.Arrived,
		Keyframe: f.Keyframe, Width: f.Width, Height: f.Height, Data: f.Data,
	})
}

func (r *reception) requestKeyframe() {
	r.mu.Lock()
	in := r.video
	r.mu.Unlock()
	if in != nil {
		in.RequestKeyframe()
	}
}

// chooseLayers selects the layer for the current tile size until the subscription ends.
func (r *reception) chooseLayers(ctx context.Context, s *realtime.Subscription) {
	tick := time.NewTicker(layerInterval)
	defer tick.Stop()
	chosen := ""
	for {
		select {
		case <-tick.C:
		case <-s.Done():
			return
		case <-ctx.Done():
			return
		}
		label := bestLayer(r.composition.roster.layers(r.id), r.largestTile())
		if label == "" || label == chosen {
			continue
		}
		if _, err := s.SelectLayer(ctx, label); err != nil {
			r.composition.log("DEBUG", "choose layer %s of %s: %v", label, r.id, err)
			continue
		}
		chosen = label
	}
}

// largestTile is the largest size in which the publisher is drawn.
func (r *reception) largestTile() (tile layout.Size) {
	for _, p := range r.composition.programs {
		if s := p.Sizes()[r.id]; s.Width*s.Height > tile.Width*tile.Height {
			tile = s
		}
	}
	return tile
}

// bestLayer is the label of the smallest layer that is enlarged by a quarter at most, or
// of the largest one. It is empty where there is no choice.
func bestLayer(layers []realtime.Layer, tile layout.Size) string {
	best, largest := realtime.Layer{}, realtime.Layer{}
	choices := 0
	for _, l := range layers {
		if !l.Active || l.Width == 0 {
			continue
		}
		choices++
		if l.Width > largest.Width {
			largest = l
		}
		sufficient := 5*l.Width >= 4*tile.Width && 5*l.Height >= 4*tile.Height
		if sufficient && (best.Width == 0 || l.Width < best.Width) {
			best = l
		}
	}
	switch {
	case choices < 2 || tile == (layout.Size{}):
		return ""
	case best.Width == 0:
		return largest.Label
	}
	return best.Label
}
