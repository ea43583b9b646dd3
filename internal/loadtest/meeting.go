package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"rostrum/internal/peer"
)

// A Plan says whom a server is to meet.
type Plan struct {
	Publish   []peer.Endpoint                           // where each publisher publishes
	Subscribe func(viewer, publisher int) peer.Endpoint // where a viewer receives a publisher
	Layer     string                                    // that viewers choose; empty leaves it to the server
	Clip      *Clip
	Bursts    bool // pictures leave whole, not paced as by browsers
	Network   CrowdConfig
	PID       int // of the server, for its use of processor and memory; 0 is unknown
}

// joinTime is how long one participant may take to connect, and settleTime how
// long the server may take to come to rest after the last has.
const (
	joinTime   = 20 * time.Second
	settleTime = 2 * time.Second
	atOnce     = 16 // joins under way at the same time
)

// A Meeting is a plan under way: publishers that send, and viewers that come and go.
type Meeting struct {
	plan       Plan
	crowd      *Crowd
	publishers []*Publisher
	cancel     context.CancelFunc
	sending    sync.WaitGroup
	empty      usage // of the server, before there were viewers
	viewers    int   // that came so far, which numbers them

	mu        sync.Mutex // guards what follows
	asked     int        // viewers that were to join and stay
	receivers []*Receiver
	failures  []string
}

// Open brings the publishers. Close the Meeting when done. It is an error if the plan names
// a process that isn't there.
func Open(ctx context.Context, p Plan) (*Meeting, error) {
	if p.PID > 0 && usageOf(os.Getpid()).known && !usageOf(p.PID).known {
		return nil, fmt.Errorf("there is no process %d", p.PID)
	}
	crowd, err := NewCrowd(p.Network)
	if err != nil {
		return nil, err
	}
	m := &Meeting{plan: p, crowd: crowd}
	if err := m.publish(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if !pause(ctx, settleTime) {
		return nil, errors.Join(ctx.Err(), m.Close())
	}
	m.empty = usageOf(p.PID)
	return m, nil
}

// publish brings the publishers, one after the other, so that their pictures don't
// all come at the same moment.
func (m *Meeting) publish(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel = cancel
	for i, at := range m.plan.Publish {
		joining, done := context.WithTimeout(ctx, joinTime)
		one, err := Publish(joining, at, m.plan.Clip, uint16(i+1), m.plan.Bursts)
		done()
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i+1, err)
		}
		m.publishers = append(m.publishers, one)
		m.sending.Go(func() { _ = one.Run(running) }) // one that fails shows in what is received
	}
	return nil
}

// Join brings n more viewers, rate of them a second, each to every publisher, and
// returns once the server has come to rest; with rate 0 they come all at once. Why some
// didn't come is in the Report.
func (m *Meeting) Join(ctx context.Context, n int, rate float64) error {
	m.mu.Lock()
	m.asked += n
	m.mu.Unlock()
	m.arrive(ctx, n, rate, func(r *Receiver) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.receivers = append(m.receivers, r)
	})
	if !pause(ctx, settleTime) {
		return ctx.Err()
	}
	return nil
}

// arrive brings n viewers and hands over the subscriptions of each.
func (m *Meeting) arrive(ctx context.Context, n int, rate float64, each func(*Receiver)) {
	var joining sync.WaitGroup
	defer joining.Wait()
	room := make(chan struct{}, atOnce)
	began := time.Now()
	for v := range n {
		if rate > 0 && !pause(ctx, time.Until(began.Add(time.Duration(float64(v)/rate*float64(time.Second))))) {
			return
		}
		viewer := m.viewers
		m.viewers++
		for i, source := range m.publishers {
			room <- struct{}{}
			joining.Go(func() {
				r, err := m.receive(ctx, viewer, i, source)
				<-room
				if err == nil {
					each(r)
				} else {
					m.failed(err)
				}
			})
		}
	}
}

func (m *Meeting) receive(ctx context.Context, viewer, publisher int, source *Publisher) (*Receiver, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	r, err := m.crowd.Receive(ctx, m.plan.Subscribe(viewer, publisher), source)
	if err != nil || m.plan.Layer == "" {
		return r, err
	}
	if err := r.ChooseLayer(ctx, m.plan.Layer); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// failed notes why somebody couldn't join, a few reasons in all.
func (m *Meeting) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if why := err.Error(); !slices.Contains(m.failures, why) && len(m.failures) < 10 {
		m.failures = append(m.failures, why)
	}
}

// Pass has rate viewers a second come for d, of whom each stays for a while, and returns
// what they saw.
func (m *Meeting) Pass(ctx context.Context, rate float64, d, stay time.Duration) []Tally {
	var mu sync.Mutex // guards what follows
	var all []Tally
	var passing sync.WaitGroup
	m.arrive(ctx, int(rate*d.Seconds()), rate, func(r *Receiver) {
		passing.Go(func() {
			pause(ctx, stay)
			t := r.Tally(false)
			_ = r.Close() // a server that can't be told notices the silence
			mu.Lock()
			defer mu.Unlock()
			all = append(all, t)
		})
	})
	passing.Wait()
	return all
}

// Measure watches those who are there for d. Meanwhile others may pass. It is an error if
// the server's process ends, where that is known.
func (m *Meeting) Measure(ctx context.Context, d time.Duration) (Report, error) {
	m.mu.Lock()
	receivers, asked := slices.Clone(m.receivers), m.asked
	m.mu.Unlock()
	for _, r := range receivers {
		r.Tally(true)
	}
	theirs, own := watchOver(m.plan.PID), watchOver(os.Getpid())
	robbed, known := stolen()
	from, ours, began := usageOf(m.plan.PID), usageOf(os.Getpid()), time.Now()
	whole := pause(ctx, d)
	to, took := usageOf(m.plan.PID), time.Since(began)
	serverHalts, ownHalts := theirs.end(), own.end()
	if !whole {
		return Report{}, ctx.Err()
	}
	if from.known && !to.known {
		return Report{}, fmt.Errorf("the server's process %d ended while it was measured", m.plan.PID)
	}
	tallies := make([]Tally, 0, len(receivers))
	for _, r := range receivers {
		tallies = append(tallies, r.Tally(false))
	}
	rep := summarize(tallies, took)
	rep.Publishers, rep.Viewers = len(m.publishers), asked
	m.mu.Lock()
	rep.Failures = slices.Clone(m.failures)
	m.mu.Unlock()
	if now := usageOf(os.Getpid()); now.known {
		own := (now.cpu - ours.cpu).Seconds() / took.Seconds()
		rep.Own = &own
	}
	rep.use(m.empty, from, to)
	rep.ServerHalts, rep.OwnHalts = serverHalts, ownHalts
	if now, _ := stolen(); known {
		ms := float64((now - robbed).Milliseconds())
		rep.Stolen = &ms
	}
	return rep, nil
}

// Leave takes the viewers away.
func (m *Meeting) Leave() {
	m.mu.Lock()
	all := m.receivers
	m.asked, m.receivers = 0, nil
	m.mu.Unlock()
	var leaving sync.WaitGroup
	defer leaving.Wait()
	room := make(chan struct{}, atOnce)
	for _, r := range all {
		room <- struct{}{}
		leaving.Go(func() {
			_ = r.Close() // a server that can't be told notices the silence
			<-room
		})
	}
}

// Close takes everybody away. It is called once.
func (m *Meeting) Close() error {
	m.Leave()
	m.cancel()
	m.sending.Wait()
	var errs []error
	for _, one := range m.publishers {
		errs = append(errs, one.Close())
	}
	m.crowd.Close()
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
