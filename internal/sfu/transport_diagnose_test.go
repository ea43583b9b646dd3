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

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *logBuffer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *logBuffer) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSpace(p.text.String()), "\n")
}

func TestTransport_LogsTheLikelyCauseOfAFailure(t *testing.T) {
	from := &route{addr: netip.MustParseAddrPort("192.0.2.7:4000")}
	for name, c := range map[string]struct {
		setState func(*Transport)
		cause    Cause
		counted  string // "" for none
		want     []string
	}{
		"no check":      {func(*Transport) {}, CauseNeverConnected, "no_check", []string{"no connectivity check came", "public_ip", "tried=none", "udp 127.0.0.1:"}},
		"no nomination": {func(t *Transport) { t.firstRoute.Store(from) }, CauseNeverConnected, "not_nominated", []string{"nominated no path", "192.0.2.7:4000"}},
		"DTLS timeout":  {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseNeverConnected, "handshake_timeout", []string{"DTLS did not finish"}},
		"DTLS failure":  {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseHandshakeFailed, "handshake_refused", []string{"DTLS failed"}},
		"lost":          {func(t *Transport) { t.firstRoute.Store(from); t.route.Store(from) }, CauseLost, "", []string{"cause=lost"}},
	} {
		log := &logBuffer{}
		e := newEngine(t, Config{Log: slog.New(slog.NewTextHandler(log, nil)), ConnectTimeout: time.Minute})
		p, _, err := e.NewRouter(RouterConfig{}).Publish(crlf(singleOffer), PublishConfig{Participant: "p"})
		if err != nil {
			t.Fatal(err)
		}
		c.setState(p.transport)
		p.transport.end(c.cause, "", nil)
		for _, failure := range ConnectFailures() {
			if n := e.Stats().ConnectFailures[failure]; (n == 1) != (failure.String() == c.counted) {
				t.Errorf("%s: %d count as %s", name, n, failure)
			}
		}
		for _, want := range c.want {
			if !strings.Contains(log.text.String(), want) {
				t.Errorf("%s: the log name %q, want %q in it", name, log.text.String(), want)
			}
		}
	}
}
