package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rostrum/internal/peer"
)

// A Plan says whom a server is to meet, and for how long.
type Plan struct {
	Publish    []peer.Endpoint                           // where each publisher publishes
	Subscribe  func(viewer, publisher int) peer.Endpoint // where a viewer receives a publisher
	Viewers    int                                       // each receives every publisher
	JoinRate   float64                                   // viewers a second; 0 is all at once
	Layer      string                                    // that viewers choose; empty leaves it to the server
	Duration   time.Duration                             // of the measurement, after all have joined
	Clip       *Clip
	PID        int // of the server, for its use of processor and memory; 0 is unknown
	OnProgress func(string)
}

// joinTime is how long one participant may take to connect, and settleTime how
// long the server may take to come to rest after the last has.
const (
	joinTime   = 20 * time.Second
	settleTime = 2 * time.Second
	atOnce     = 16 // joins under way at the same time
)

// Run brings publishers and viewers, measures, and takes them away.
func Run(ctx context.Context, p Plan) (rep Report, err error) {
	publishers, stop, err := p.publish(ctx)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return Report{}, err
	}
	if !pause(ctx, settleTime) {
		return Report{}, ctx.Err()
	}
	before := usageOf(p.PID)
	crowd, err := NewCrowd()
	if err != nil {
		return Report{}, err
	}
	defer crowd.Close()
	p.say("%d publishers are on; %d viewers join", len(publishers), p.Viewers)
	receivers, failures := p.join(ctx, crowd, publishers)
	defer leave(receivers)
	if !pause(ctx, settleTime) {
		return Report{}, ctx.Err()
	}
	p.say("%d of %d subscriptions are on; measuring for %v", len(receivers), p.Viewers*len(publishers), p.Duration)
	for _, r := range receivers {
		r.Tally(true)
	}
	from, began := usageOf(p.PID), time.Now()
	if !pause(ctx, p.Duration) {
		return Report{}, ctx.Err()
	}
	to, took := usageOf(p.PID), time.Since(began)
	var tallies []Tally
	for _, r := range receivers {
		tallies = append(tallies, r.Tally(false))
	}
	rep = summarize(tallies, took)
	rep.Publishers, rep.Viewers, rep.Failures = len(publishers), p.Viewers, failures
	rep.use(before, from, to)
	return rep, nil
}

func (p *Plan) say(format string, args ...any) {
	if p.OnProgress != nil {
		p.OnProgress(fmt.Sprintf(format, args...))
	}
}

// publish brings the publishers, one after the other, so that their pictures don't
// all come at the same moment. stop takes away those that came.
func (p *Plan) publish(ctx context.Context) (all []*Publisher, stop func() error, err error) {
	running, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	stop = func() error {
		cancel()
		sending.Wait()
		var errs []error
		for _, one := range all {
			errs = append(errs, one.Close())
		}
		return errors.Join(errs...)
	}
	for i, at := range p.Publish {
		joining, done := context.WithTimeout(ctx, joinTime)
		one, err := Publish(joining, at, p.Clip, uint16(i+1))
		done()
		if err != nil {
			return all, stop, fmt.Errorf("publisher %d: %w", i+1, err)
		}
		all = append(all, one)
		sending.Go(func() { _ = one.Run(running) }) // one that fails shows in what is received
	}
	return all, stop, nil
}

// join brings the viewers at their rate and returns who came, and why others didn't.
func (p *Plan) join(ctx context.Context, crowd *Crowd, publishers []*Publisher) (all []*Receiver, failures []string) {
	var mu sync.Mutex
	var joining sync.WaitGroup
	room := make(chan struct{}, atOnce)
	began := time.Now()
	for v := range p.Viewers {
		if p.JoinRate > 0 && !pause(ctx, time.Until(began.Add(time.Duration(float64(v)/p.JoinRate*float64(time.Second))))) {
			break
		}
		for i, source := range publishers {
			room <- struct{}{}
			joining.Go(func() {
				defer func() { <-room }()
				r, err := p.receive(ctx, crowd, v, i, source)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					all = append(all, r)
				} else if why := err.Error(); !slices.Contains(failures, why) && len(failures) < 10 {
					failures = append(failures, why)
				}
			})
		}
	}
	joining.Wait()
	return all, failures
}

func (p *Plan) receive(ctx context.Context, crowd *Crowd, viewer, publisher int, source *Publisher) (*Receiver, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	r, err := crowd.Receive(ctx, p.Subscribe(viewer, publisher), source)
	if err != nil || p.Layer == "" {
		return r, err
	}
	if err := r.ChooseLayer(ctx, p.Layer); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// leave takes the viewers away.
func leave(all []*Receiver) {
	var leaving sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for _, r := range all {
		room <- struct{}{}
		leaving.Go(func() {
			_ = r.Close() // the figures are taken; a server that can't be told notices the silence
			<-room
		})
	}
	leaving.Wait()
}

// pause returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
