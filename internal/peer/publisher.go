package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A PublisherConfig says what is published where.
type PublisherConfig struct {
	Endpoint      Endpoint
	Network       Network
	Source        Source
	ParticipantID string        // as reported
	Events        *Events       // says which layers have no viewer, and are left out; nil sends all
	Rejoin        time.Duration // how long to try to come back; 0 ends with the first connection
}

// A PublishReport is what happened to a publisher: that it was published, that it was
// interrupted, and each second its statistics.
type PublishReport struct {
	Event         string  `json:"event"`
	ParticipantID string  `json:"participantId,omitempty"`
	URL           string  `json:"url,omitempty"`
	Elapsed       float64 `json:"elapsedMs,omitempty"` // from the beginning to media flowing
	Packets       uint64  `json:"packets,omitempty"`
	Bytes         uint64  `json:"bytes,omitempty"`
	Bitrate       uint64  `json:"bitrate,omitempty"`
	Error         string  `json:"error,omitempty"`
}

// A publisher is a source that goes on while its publication is interrupted.
type publisher struct {
	PublisherConfig
	report  func(PublishReport)
	started bool
	paused  sync.WaitGroup // the goroutine that leaves out layers
	bytes   uint64         // sent when the last statistics were reported
	ended   chan struct{}  // closed when the source has ended
	err     error          // of the source; set before ended is closed
}

// RunPublisher publishes until ctx or the source ends, or the server refuses to have it
// any longer. It reconnects as the config says.
func RunPublisher(ctx context.Context, c PublisherConfig, report func(PublishReport)) error {
	ctx, cancel := context.WithCancel(ctx)
	c.Endpoint.Events = c.Events
	p := &publisher{PublisherConfig: c, report: report, ended: make(chan struct{})}
	err := rejoin(ctx, c.Rejoin, p.interrupted, p.publish)
	cancel()
	p.paused.Wait()
	if p.started {
		<-p.ended
	}
	return err
}

// publish publishes through one connection.
func (p *publisher) publish(ctx context.Context) (Ending, error) {
	began := time.Now()
	pub, err := Publish(ctx, p.Endpoint, p.Network, p.Source.Outlets()...)
	if err != nil {
		return "", err
	}
	p.report(PublishReport{Event: "published", ParticipantID: p.ParticipantID, URL: p.Endpoint.URL, Elapsed: millis(time.Since(began))})
	err = errors.Join(p.sendThrough(ctx, pub), pub.Close())
	return pub.Ending(), err
}

// sendThrough reports statistics each second until the publication or the source ends. The
// first call starts the source.
func (p *publisher) sendThrough(ctx context.Context, pub *Publication) error {
	if !p.started {
		p.start(ctx)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return p.err
		case <-pub.Done():
			return fmt.Errorf("publishing ended: %w", pub.Err())
		case <-tick.C:
			p.report(p.statistics())
		}
	}
}

func (p *publisher) start(ctx context.Context) {
	p.started = true
	if p.Events != nil {
		p.paused.Go(func() { _ = PauseUnusedLayers(ctx, p.Events, p.Source.Outlets()...) }) // media end for the same reasons
	}
	go func() {
		defer close(p.ended)
		p.err = p.Source.Run(ctx)
	}()
}

func (p *publisher) statistics() PublishReport {
	r := PublishReport{Event: "statistics"}
	for _, o := range p.Source.Outlets() {
		packets, bytes := o.Sent()
		r.Packets, r.Bytes = r.Packets+packets, r.Bytes+bytes
	}
	r.Bitrate, p.bytes = 8*(r.Bytes-p.bytes), r.Bytes
	return r
}

func (p *publisher) interrupted(err error) {
	p.report(PublishReport{Event: "interrupted", Error: err.Error()})
}

// Describe writes the report as one line for people.
func (r PublishReport) Describe(w io.Writer) {
	switch r.Event {
	case "published":
		fmt.Fprintf(w, "publishing as %s (connected in %.0f ms); Ctrl-C stops\n", r.ParticipantID, r.Elapsed)
	case "interrupted":
		fmt.Fprintf(w, "%s; reconnecting\n", r.Error)
	default:
		fmt.Fprintf(w, "sending %s, %d packets so far\n", formatBitrate(float64(r.Bitrate)), r.Packets)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func formatBitrate(bits float64) string {
	if bits >= 1e6 {
		return fmt.Sprintf("%.2f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}
