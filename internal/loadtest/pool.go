package loadtest

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v4/pkg/crypto/selfsign"
)

// A Pool is shared by Receivers: a certificate, and the loop that reads their sockets and
// sends their feedback.
type Pool struct {
	config      NetworkConfig
	certificate tls.Certificate
	poller      *poller
	stop        chan struct{}
	stopped     sync.WaitGroup
	ticks       int // of the loop

	mu        sync.Mutex // guards what follows
	receivers []*Receiver
	joined    int
	delayed   []delivery // in order of their due times
}

// NetworkConfig describes the viewers' networks. Its zero value is without loss and delay.
type NetworkConfig struct {
	Loss     float64       // share of lost packets, in each direction
	Delay    time.Duration // of each packet, in each direction
	Feedback time.Duration // between transport-wide reports; 100 ms
	Single   bool          // the kernel returns single datagrams
}

// A delivery is a delayed datagram.
type delivery struct {
	due  time.Time
	to   *Receiver
	data []byte
	out  bool
}

// NewPool makes an empty pool. The caller closes it after its Receivers.
func NewPool(config NetworkConfig) (*Pool, error) {
	if config.Feedback < tickInterval {
		config.Feedback = 100 * time.Millisecond
	}
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	c := &Pool{config: config, certificate: certificate, stop: make(chan struct{})}
	if c.poller, err = newPoller(); err != nil {
		return nil, err
	}
	c.stopped.Go(c.run)
	return c, nil
}

const (
	tickInterval    = 10 * time.Millisecond
	reportInterval  = time.Second     // receiver reports
	consentInterval = 5 * time.Second // consent (RFC 7675 §5.1)
	sampleOf        = 8               // one in so many Receivers measures latencies,
	sampleFrom      = 64              // after the first ones, which all do
)

// run reads and reports until Close.
func (c *Pool) run() {
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
			next = now.Add(tickInterval)
			c.tick(now)
		}
		runtime.Gosched() // publishers share the processor
	}
}

// idle is how long the loop may wait for packets.
func (c *Pool) idle(next time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.delayed) > 0 && c.delayed[0].due.Before(next) {
		next = c.delayed[0].due
	}
	return max(0, time.Until(next))
}

// tick sends the due feedback of each Receiver.
func (c *Pool) tick(now time.Time) {
	c.mu.Lock()
	all := slices.Clone(c.receivers)
	c.mu.Unlock()
	parts := int(c.config.Feedback / tickInterval)
	reports, checks := int(reportInterval/tickInterval), int(consentInterval/tickInterval)
	c.ticks++
	for i, r := range all {
		turn := c.ticks + i
		r.report(now, turn%parts == 0, turn%reports == 0, turn%checks == 0)
	}
}

// lose decides whether a packet is lost.
func (c *Pool) lose() bool { return c.config.Loss > 0 && rand.Float64() < c.config.Loss }

// postpone delays a packet.
func (c *Pool) postpone(to *Receiver, data []byte, at time.Time, out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delayed = append(c.delayed, delivery{at.Add(c.config.Delay), to, slices.Clone(data), out})
}

// deliver delivers the packets that are due.
func (c *Pool) deliver(now time.Time) {
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
			_, _ = d.to.socket.Write(d.data) // a failed path shows in the statistics
		default:
			d.to.demultiplex(d.data, d.due)
		}
		d.to.mu.Unlock()
	}
}

// join adds r and returns whether it measures latencies.
func (c *Pool) join(r *Receiver) (sampled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receivers = append(c.receivers, r)
	c.joined++
	return c.joined <= sampleFrom || c.joined%sampleOf == 0
}

func (c *Pool) leave(r *Receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.receivers, r); i >= 0 {
		c.receivers = slices.Delete(c.receivers, i, i+1)
	}
}

// Close ends the loop. It is called once, when the Receivers are closed.
func (c *Pool) Close() {
	close(c.stop)
	c.stopped.Wait()
	c.poller.close()
}
