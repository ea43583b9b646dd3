package load

import (
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

// A Crowd is what Receivers share.
type Crowd struct {
	certificate tls.Certificate

	mu        sync.Mutex // guards what follows
	receivers []*Receiver
	stop      chan struct{}
	stopped   sync.WaitGroup
}

// NewCrowd makes an empty one. Close it when its Receivers are closed.
func NewCrowd() (*Crowd, error) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	c := &Crowd{certificate: certificate, stop: make(chan struct{})}
	c.stopped.Go(c.report)
	return c, nil
}

const (
	reportEvery = time.Second     // receiver reports
	checkEvery  = 5 * time.Second // consent (RFC 7675 §5.1)
	slots       = 20              // of a second, over which Receivers are spread
)

// report sends for every Receiver what a viewer sends while it watches.
func (c *Crowd) report() {
	tick := time.NewTicker(reportEvery / slots)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		all := slices.Clone(c.receivers)
		c.mu.Unlock()
		for i := n % slots; i < len(all); i += slots {
			all[i].report(n/slots%int(checkEvery/reportEvery) == i%int(checkEvery/reportEvery))
		}
	}
}

func (c *Crowd) join(r *Receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receivers = append(c.receivers, r)
}

func (c *Crowd) leave(r *Receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.receivers, r); i >= 0 {
		c.receivers = slices.Delete(c.receivers, i, i+1)
	}
}

// Close ends the reports. It is called once.
func (c *Crowd) Close() {
	close(c.stop)
	c.stopped.Wait()
}
