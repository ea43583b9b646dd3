package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rostrum/realtime"
)

// A ViewerConfig says which publishers of a stage are received, and how.
type ViewerConfig struct {
	Token    realtime.Token
	Endpoint realtime.Endpoint // of another WHEP server, instead of what the token says

	Participant string // the publisher; empty is the first who publishes
	All         bool   // every publisher, as they come and go
	File        string // write what is received there
	AudioOnly   bool
	Layer       string // ask for this layer; empty lets the server choose

	Network  realtime.Network
	Duration time.Duration // 0 has no end
	Rejoin   time.Duration // how long to try to come back; 0 ends with the first connection
}

// errNoFrames ends a viewer that had nothing to decode.
var errNoFrames = errors.New("nothing was received: no frame could be decoded")

// A viewer is one run of RunViewer.
type viewer struct {
	ViewerConfig
	report func(ViewReport)
	stage  *realtime.Stage // of the token; nil unless publishers are followed
	stop   context.Context // ends when the caller stops, and not with the duration

	mu     sync.Mutex // guards what follows
	frames uint64
}

// RunViewer receives until ctx, the duration or the publisher ends. Without a duration the
// end of the publisher is an error unless all are received; that nothing was received
// always is.
func RunViewer(ctx context.Context, c ViewerConfig, report func(ViewReport)) error {
	timed := ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	v := &viewer{ViewerConfig: c, report: report, stop: ctx}
	if v.Rejoin == 0 {
		v.Rejoin = realtime.NoRejoin
	}
	var err error
	switch {
	case c.Endpoint.URL != "":
		err = v.watch(timed, c.Endpoint.URL, c.Endpoint)
	case c.Participant != "":
		err = v.watchParticipant(timed, c.Participant)
	default:
		err = v.follow(timed)
	}
	if err == nil && !v.sawFrames() && ctx.Err() == nil {
		err = errNoFrames
	}
	return err
}

func (v *viewer) sawFrames() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames > 0
}

// follow watches all publishers of the stage, or the first.
func (v *viewer) follow(ctx context.Context) error {
	stage, err := realtime.Join(ctx, v.Token.Raw, realtime.Config{Network: v.Network, Rejoin: v.Rejoin})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	v.stage = stage
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first sync.Once
	var watched error // of the first, if only one is watched
	err = stage.Follow(ctx, nil, func(present context.Context, p realtime.Participant) {
		if v.All {
			if err := v.watchParticipant(present, p.ID); err != nil && present.Err() == nil {
				v.report(ViewReport{Event: "error", ParticipantID: p.ID, Error: err.Error()})
			}
			return
		}
		first.Do(func() {
			// With ctx and not with present: after a restart of the server, viewers that
			// reconnect first get PUBLISHER_NOT_FOUND.
			watched = v.watchParticipant(ctx, p.ID)
			cancel()
		})
	})
	return errors.Join(err, watched, stage.Close())
}

func (v *viewer) watchParticipant(ctx context.Context, id string) error {
	at, err := v.Token.SubscribeAt(id)
	if err != nil {
		return err
	}
	return v.watch(ctx, id, at)
}

// watch receives one publisher until ctx ends, which is no error. A file is not continued
// after an interruption.
func (v *viewer) watch(ctx context.Context, id string, at realtime.Endpoint) error {
	if v.File == "" {
		return v.subscribe(ctx, id, at, v.Rejoin, nil)
	}
	recording := NewRecording(v.File)
	err := v.subscribe(ctx, id, at, realtime.NoRejoin, recording.Write)
	if closing := recording.Close(); closing != nil {
		return errors.Join(err, fmt.Errorf("%s: %w", v.File, closing))
	}
	return err
}

// subscribe receives a publisher until ctx or the subscription ends.
func (v *viewer) subscribe(ctx context.Context, id string, at realtime.Endpoint, rejoin time.Duration, take func(*realtime.RemoteTrack, realtime.Received)) error {
	m := &meter{viewer: v, id: id, began: time.Now(), last: map[*realtime.RemoteTrack]realtime.ReceiveStats{}}
	cfg := realtime.SubscribeConfig{Network: v.Network, Rejoin: rejoin, AudioOnly: v.AudioOnly, OnChange: m.changed}
	cfg.OnSample = func(t *realtime.RemoteTrack, r realtime.Received) {
		m.latency.add(t, r)
		if take != nil {
			take(t, r)
		}
	}
	var sub *realtime.Subscription
	var err error
	if v.stage != nil {
		sub, err = v.stage.Subscribe(ctx, id, cfg)
	} else {
		sub, err = realtime.Subscribe(ctx, at, cfg)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	v.report(ViewReport{Event: "subscribed", ParticipantID: id, Elapsed: millis(time.Since(m.began))})
	if v.Layer != "" {
		if _, err := sub.SelectLayer(ctx, v.Layer); err != nil {
			return errors.Join(fmt.Errorf("choose layer %s: %w", v.Layer, err), sub.Close())
		}
	}
	m.began = time.Now()
	err = m.run(ctx, sub)
	closing := sub.Close()
	m.summarize(sub)
	if v.stop.Err() == nil && err == nil { // the error of an end has that of closing
		err = closing
	}
	return err
}
