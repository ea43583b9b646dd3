package sfu

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// A page is a log that may be read while it is written.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSpace(p.text.String()), "\n")
}

func TestTransport_AFailureNamesItsLikelyCause(t *testing.T) {
	from := &route{addr: netip.MustParseAddrPort("192.0.2.7:4000")}
	for says, c := range map[string]struct {
		reach func(*Transport)
		cause Cause
		want  []string
	}{
		"nothing came":            {func(*Transport) {}, CauseNeverConnected, []string{"no connectivity check came", "public_ip", "tried=none", "udp 127.0.0.1:"}},
		"no path was chosen":      {func(t *Transport) { t.firstRoute.Store(from) }, CauseNeverConnected, []string{"nominated no path", "192.0.2.7:4000"}},
		"the handshake hung":      {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseNeverConnected, []string{"DTLS did not finish"}},
		"the handshake failed":    {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseHandshakeFailed, []string{"DTLS failed"}},
		"a call was lost on path": {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseLost, []string{"cause=lost"}},
	} {
		log := &page{}
		e := engine(t, Config{Log: slog.New(slog.NewTextHandler(log, nil)), ConnectTimeout: time.Minute})
		p, _, err := e.NewRouter(RouterConfig{}).Publish(crlf(singleOffer), PublishConfig{Participant: "p"})
		if err != nil {
			t.Fatal(err)
		}
		c.reach(p.transport)
		p.transport.end(c.cause, "", nil)
		for _, want := range c.want {
			if !strings.Contains(log.text.String(), want) {
				t.Errorf("%s: the log says %q, want %q in it", says, log.text.String(), want)
			}
		}
	}
}
