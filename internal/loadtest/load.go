package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"rostrum/realtime"
)

// A Plan describes the load of a server.
type Plan struct {
	Publish   []realtime.Endpoint                           // where each publisher publishes
	Encode    []string                                      // RTMP URLs, where more publishers do
	Speech    *Speech                                       // audio of the latter; nil for none
	Subscribe func(viewer, publisher int) realtime.Endpoint // where a viewer receives a publisher
	Layer     string                                        // that viewers choose; empty for the server's choice
	Clip      *Clip
	Bursts    bool // pictures are sent whole, not paced as in browsers
	Network   NetworkConfig
	PID       int // of the server, for its CPU and memory; 0 is unknown
}

// joinTimeout bounds the connecting of one participant. settleTime is the wait after the last
// one.
const (
	joinTimeout = 20 * time.Second
	settleTime  = 2 * time.Second
	maxJoining  = 16 // joins at the same time
)

// A Load is a plan that runs: publishers that send, and viewers that join and leave.
type Load struct {
	plan       Plan
	pool       *Pool
	publishers []source
	cancel     context.CancelFunc
	sending    sync.WaitGroup
	empty      usage // of the server, without viewers
	viewers    int   // that joined so far, which numbers them

	mu        sync.Mutex // guards what follows
	added     int        // viewers that Join added
	receivers []*Receiver
	failures  []string
}

// Open connects the publishers. The caller closes the Load. A process that does not exist is
// an error.
func Open(ctx context.Context, p Plan) (*Load, error) {
	if p.PID > 0 && usageOf(os.Getpid()).known && !usageOfTree(p.PID).known {
		return nil, fmt.Errorf("there is no process %d", p.PID)
	}
	pool, err := NewPool(p.Network)
	if err != nil {
		return nil, err
	}
	l := &Load{plan: p, pool: pool}
	if err := l.publish(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if !pause(ctx, settleTime) {
		return nil, errors.Join(ctx.Err(), l.Close())
	}
	l.empty = usageOfTree(p.PID)
	return l, nil
}

// publish connects the publishers one after the other, so that their pictures are not
// simultaneous.
func (l *Load) publish(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	for i, at := range l.plan.Publish {
		joining, done := context.WithTimeout(ctx, joinTimeout)
		one, err := Publish(joining, at, l.plan.Clip, uint16(i+1), l.plan.Bursts)
		done()
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i+1, err)
		}
		l.publishers = append(l.publishers, one)
		l.sending.Go(func() { _ = one.Run(running) }) // a failure shows in the statistics
	}
	for i, url := range l.plan.Encode {
		one, err := Encode(ctx, url, l.plan.Clip, l.plan.Speech)
		if err != nil {
			return fmt.Errorf("encoder %d: %w", i+1, err)
		}
		l.publishers = append(l.publishers, one)
		l.sending.Go(func() { _ = one.Run(running) })
		pause(ctx, encoderInterval)
	}
	return nil
}

// Join adds n viewers of every publisher, rate of them a second or all at once with rate 0,
// and waits settleTime. The Report has the reasons of failures.
func (l *Load) Join(ctx context.Context, n int, rate float64) error {
	l.mu.Lock()
	l.added += n
	l.mu.Unlock()
	l.arrive(ctx, n, rate, func(r *Receiver) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.receivers = append(l.receivers, r)
	})
	if !pause(ctx, settleTime) {
		return ctx.Err()
	}
	return nil
}

// arrive adds n viewers and calls each with their subscriptions.
func (l *Load) arrive(ctx context.Context, n int, rate float64, each func(*Receiver)) {
	var joining sync.WaitGroup
	defer joining.Wait()
	slots := make(chan struct{}, maxJoining)
	began := time.Now()
	for v := range n {
		if rate > 0 && !pause(ctx, time.Until(began.Add(time.Duration(float64(v)/rate*float64(time.Second))))) {
			return
		}
		viewer := l.viewers
		l.viewers++
		for i, from := range l.publishers {
			slots <- struct{}{}
			joining.Go(func() {
				r, err := l.receive(ctx, viewer, i, from)
				<-slots
				if err == nil {
					each(r)
				} else {
					l.failed(err)
				}
			})
		}
	}
}

func (l *Load) receive(ctx context.Context, viewer, publisher int, from source) (*Receiver, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	r, err := l.pool.Receive(ctx, l.plan.Subscribe(viewer, publisher), from)
	if err != nil || l.plan.Layer == "" {
		return r, err
	}
	if err := r.ChooseLayer(ctx, l.plan.Layer); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// failed records the reason of a failure, at most ten different ones.
func (l *Load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why := err.Error(); !slices.Contains(l.failures, why) && len(l.failures) < 10 {
		l.failures = append(l.failures, why)
	}
}

// JoinBriefly adds rate viewers a second for d, each of which leaves after a while, and
// returns their statistics.
func (l *Load) JoinBriefly(ctx context.Context, rate float64, d, stay time.Duration) []ReceiverStats {
	var mu sync.Mutex // guards what follows
	var all []ReceiverStats
	var passing sync.WaitGroup
	l.arrive(ctx, int(rate*d.Seconds()), rate, func(r *Receiver) {
		passing.Go(func() {
			pause(ctx, stay)
			t := r.Stats(false)
			_ = r.Close() // otherwise the server notices the silence
			mu.Lock()
			defer mu.Unlock()
			all = append(all, t)
		})
	})
	passing.Wait()
	return all
}

// Measure measures the joined viewers for d. JoinBriefly may run meanwhile. The end of the
// server's process is an error, where it is known.
func (l *Load) Measure(ctx context.Context, d time.Duration) (Report, error) {
	l.mu.Lock()
	receivers, added := slices.Clone(l.receivers), l.added
	l.mu.Unlock()
	for _, r := range receivers {
		r.Stats(true)
	}
	theirs, own := monitorStalls(l.plan.PID), monitorStalls(os.Getpid())
	stolenBefore, known := stolen()
	from, ours, began := usageOfTree(l.plan.PID), usageOf(os.Getpid()), time.Now()
	whole := pause(ctx, d)
	to, took := usageOfTree(l.plan.PID), time.Since(began)
	serverStalls, ownStalls := theirs.end(), own.end()
	if !whole {
		return Report{}, ctx.Err()
	}
	if from.known && !to.known {
		return Report{}, fmt.Errorf("the server's process %d ended while it was measured", l.plan.PID)
	}
	all := make([]ReceiverStats, 0, len(receivers))
	for _, r := range receivers {
		all = append(all, r.Stats(false))
	}
	rep := summarize(all, took)
	rep.Publishers, rep.Viewers = len(l.publishers), added
	l.mu.Lock()
	rep.Failures = slices.Clone(l.failures)
	l.mu.Unlock()
	if now := usageOf(os.Getpid()); now.known {
		own := (now.cpu - ours.cpu).Seconds() / took.Seconds()
		rep.Own = &own
	}
	rep.use(l.empty, from, to)
	rep.ServerStalls, rep.OwnStalls = serverStalls, ownStalls
	if now, _ := stolen(); known {
		ms := float64((now - stolenBefore).Milliseconds())
		rep.Stolen = &ms
	}
	return rep, nil
}

// Leave disconnects the viewers.
func (l *Load) Leave() {
	l.mu.Lock()
	all := l.receivers
	l.added, l.receivers = 0, nil
	l.mu.Unlock()
	var leaving sync.WaitGroup
	defer leaving.Wait()
	slots := make(chan struct{}, maxJoining)
	for _, r := range all {
		slots <- struct{}{}
		leaving.Go(func() {
			_ = r.Close() // otherwise the server notices the silence
			<-slots
		})
	}
}

// Close disconnects all. It is called once.
func (l *Load) Close() error {
	l.Leave()
	l.cancel()
	l.sending.Wait()
	var errs []error
	for _, one := range l.publishers {
		errs = append(errs, one.Close())
	}
	l.pool.Close()
	return errors.Join(errs...)
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
