package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rostrum/realtime"
)

// A PublisherConfig says what is published where.
type PublisherConfig struct {
	Endpoint      realtime.Endpoint
	Token         realtime.Token // joins the stage, instead of Endpoint: layers without a viewer are left out
	Network       realtime.Network
	Source        Source
	ParticipantID string        // as reported
	Rejoin        time.Duration // how long to try to come back; 0 ends with the first connection
}

// A PublishReport is what happened to a publisher: that it was published, that it was
// interrupted, and each second its statistics.
type PublishReport struct {
	Event         string  `json:"event"`
	ParticipantID string  `json:"participantId,omitempty"`
	URL           string  `json:"url,omitempty"`
	Elapsed       float64 `json:"elapsedMs,omitempty"` // from the beginning, or the loss, to media flowing
	Packets       uint64  `json:"packets,omitempty"`
	Bytes         uint64  `json:"bytes,omitempty"`
	Bitrate       uint64  `json:"bitrate,omitempty"`
	Error         string  `json:"error,omitempty"`
}

// A publisher is a source that goes on while its publication is interrupted.
type publisher struct {
	PublisherConfig
	report  func(PublishReport)
	changes chan error // of the publication: a loss, or nil
	began   time.Time  // when connecting began, at first or after a loss
	bytes   uint64     // sent when the last statistics were reported
}

// maxChanges is how many changes wait to be reported.
const maxChanges = 16

// RunPublisher publishes until ctx or the source ends, or the server refuses to have it
// any longer. It reconnects as the config says.
func RunPublisher(ctx context.Context, c PublisherConfig, report func(PublishReport)) (err error) {
	p := &publisher{PublisherConfig: c, report: report, changes: make(chan error, maxChanges), began: time.Now()}
	if p.Rejoin == 0 {
		p.Rejoin = realtime.NoRejoin
	}
	publication, leave, err := p.publish(ctx)
	if err != nil {
		return err
	}
	p.published()
	sending, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Source.Run(sending) }()
	running := true
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case err = <-ended:
			done, running = true, false
		case <-publication.Done():
			err, done = fmt.Errorf("publishing ended: %w", publication.Err()), true
		case change := <-p.changes:
			p.changed(change)
		case <-tick.C:
			p.report(p.statistics())
		}
	}
	stop()
	if running {
		<-ended
	}
	return errors.Join(err, publication.Close(), leave())
}

// publish connects, at the endpoint or with the token. leave leaves the stage.
func (p *publisher) publish(ctx context.Context) (publication *realtime.Publication, leave func() error, err error) {
	if p.Token.Raw == "" {
		publication, err = realtime.Publish(ctx, p.Endpoint, realtime.PublishConfig{Network: p.Network, Rejoin: p.Rejoin, OnChange: p.pass}, p.Source.Tracks()...)
		return publication, func() error { return nil }, err
	}
	stage, err := realtime.Join(ctx, p.Token.Raw, realtime.Config{Network: p.Network, Rejoin: p.Rejoin})
	if err != nil {
		return nil, nil, err
	}
	if publication, err = stage.Publish(ctx, p.Source.Tracks()...); err != nil {
		return nil, nil, errors.Join(err, stage.Close())
	}
	go func() {
		for e := range stage.Events() { // until it is closed
			switch e := e.(type) {
			case realtime.ConnectionLost:
				if e.Publication != nil {
					p.pass(e.Err)
				}
			case realtime.ConnectionRestored:
				if e.Publication != nil {
					p.pass(nil)
				}
			}
		}
	}()
	return publication, stage.Close, nil
}

// pass passes a change to the goroutine that reports; one too many is left out.
func (p *publisher) pass(change error) {
	select {
	case p.changes <- change:
	default:
	}
}

func (p *publisher) changed(err error) {
	if err == nil {
		p.published()
		return
	}
	p.began = time.Now()
	p.report(PublishReport{Event: "interrupted", Error: err.Error()})
}

func (p *publisher) published() {
	p.report(PublishReport{Event: "published", ParticipantID: p.ParticipantID, URL: p.Endpoint.URL, Elapsed: millis(time.Since(p.began))})
}

func (p *publisher) statistics() PublishReport {
	r := PublishReport{Event: "statistics"}
	for _, t := range p.Source.Tracks() {
		s := t.Stats()
		r.Packets, r.Bytes = r.Packets+s.Packets, r.Bytes+s.Bytes
	}
	r.Bitrate, p.bytes = 8*(r.Bytes-p.bytes), r.Bytes
	return r
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
