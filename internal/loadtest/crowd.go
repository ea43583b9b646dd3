package loadtest

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

// A Crowd is what Receivers share: a certificate, and the loop that reads their sockets
// and reports for them what a viewer reports.
type Crowd struct {
	config      CrowdConfig
	certificate tls.Certificate
	poller      *poller
	stop        chan struct{}
	stopped     sync.WaitGroup
	turn        int // of the loop's ticks

	mu        sync.Mutex // guards what follows
	receivers []*Receiver
	joined    int
	delayed   []delivery // in the order in which they are due
}

// CrowdConfig says what the viewers' networks are like. Its zero value is good.
type CrowdConfig struct {
	Loss     float64       // share of packets that get lost, in each direction
	Delay    time.Duration // of each packet, in each direction
	Feedback time.Duration // from one transport-wide report to the next; 100 ms
	Single   bool          // the kernel hands out each datagram by itself
}

// delivery is a datagram under way.
type delivery struct {
	due  time.Time
	to   *Receiver
	data []byte
	out  bool
}

// NewCrowd makes an empty one. Close it when its Receivers are closed.
func NewCrowd(config CrowdConfig) (*Crowd, error) {
	if config.Feedback < tickEvery {
		config.Feedback = 100 * time.Millisecond
	}
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	c := &Crowd{config: config, certificate: certificate, stop: make(chan struct{})}
	if c.poller, err = newPoller(); err != nil {
		return nil, err
	}
	c.stopped.Go(c.run)
	return c, nil
}

const (
	tickEvery   = 10 * time.Millisecond
	reportEvery = time.Second     // receiver reports
	checkEvery  = 5 * time.Second // consent (RFC 7675 §5.1)
	sampleOf    = 8               // one in so many Receivers is asked for latencies, of
	sampleFrom  = 64              // so many each
)

// run reads and reports until Close.
func (c *Crowd) run() {
	next := time.Now()
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		for _, r := range c.poller.wait(c.idle(next)) {
			r.read()
		}
		c.deliver(time.Now())
		if now := time.Now(); !now.Before(next) {
			next = now.Add(tickEvery)
			c.tick(now)
		}
		runtime.Gosched() // publishers share the processor
	}
}

// idle is how long there is nothing to do if nothing comes.
func (c *Crowd) idle(next time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.delayed) > 0 && c.delayed[0].due.Before(next) {
		next = c.delayed[0].due
	}
	return max(0, time.Until(next))
}

// tick has each Receiver say what is due.
func (c *Crowd) tick(now time.Time) {
	c.mu.Lock()
	all := slices.Clone(c.receivers)
	c.mu.Unlock()
	parts := int(c.config.Feedback / tickEvery)
	reports, checks := int(reportEvery/tickEvery), int(checkEvery/tickEvery)
	c.turn++
	for i, r := range all {
		turn := c.turn + i
		r.report(now, turn%parts == 0, turn%reports == 0, turn%checks == 0)
	}
}

// lose decides whether the network loses a packet.
func (c *Crowd) lose() bool { return c.config.Loss > 0 && rand.Float64() < c.config.Loss }

// postpone takes a packet on its slow way.
func (c *Crowd) postpone(to *Receiver, data []byte, at time.Time, out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delayed = append(c.delayed, delivery{at.Add(c.config.Delay), to, slices.Clone(data), out})
}

// deliver hands over what has been under way long enough.
func (c *Crowd) deliver(now time.Time) {
	if c.config.Delay == 0 {
		return
	}
	c.mu.Lock()
	n := 0
	for n < len(c.delayed) && !c.delayed[n].due.After(now) {
		n++
	}
	arrived := c.delayed[:n:n]
	c.delayed = c.delayed[n:]
	c.mu.Unlock()
	for _, d := range arrived {
		d.to.mu.Lock()
		switch {
		case d.to.closed:
		case d.out:
			_, _ = d.to.socket.Write(d.data) // a path that fails shows in what comes
		default:
			d.to.sort(d.data, d.due)
		}
		d.to.mu.Unlock()
	}
}

// join returns whether r is one of those whose latencies are looked at.
func (c *Crowd) join(r *Receiver) (sampled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receivers = append(c.receivers, r)
	c.joined++
	return c.joined <= sampleFrom || c.joined%sampleOf == 0
}

func (c *Crowd) leave(r *Receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.receivers, r); i >= 0 {
		c.receivers = slices.Delete(c.receivers, i, i+1)
	}
}

// Close ends the loop. It is called once, when the Receivers are closed.
func (c *Crowd) Close() {
	close(c.stop)
	c.stopped.Wait()
	c.poller.close()
}
