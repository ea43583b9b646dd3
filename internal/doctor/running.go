package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/store"
)

// running is the Rostrum that answers at the address of the settings, if one does.
type running struct {
	answers bool
	own     bool // it answers, and has the data folder of the settings, as far as that can be known
	pid     int  // 0 if it cannot be known
}

// findRunning looks for a server at the address of the settings.
func findRunning(ctx context.Context, s *config.Settings) running {
	r := running{answers: rostrumAnswers(ctx, s.Listen)}
	if !r.answers {
		return r
	}
	r.own = true
	if at, err := net.ResolveTCPAddr("tcp", string(s.Listen)); err == nil {
		r.pid, _ = inbound.Owner("tcp", at.AddrPort())
	}
	if s.Ephemeral || s.Database != "" || r.pid == 0 {
		return r
	}
	if last, known := store.LastServer(s.DataDir); known {
		r.own = last == r.pid
	}
	return r
}

// has evaluates an address that could not be bound. Only its own server may have it.
func (r running) has(check, key, network, at string, err error) Finding {
	resolved, wrong := net.ResolveTCPAddr("tcp", at)
	if wrong != nil {
		return unbound(check, key, err)
	}
	pid, _ := inbound.Owner(network, resolved.AddrPort())
	switch {
	case r.own && pid != 0 && pid == r.pid:
		return Finding{Check: check, State: OK, Found: at + " is in use by the Rostrum that serves here"}
	case r.own && (pid == 0 || r.pid == 0):
		return Finding{Check: check, State: Unknown, Found: at + " is in use, perhaps by the Rostrum that serves here: this user cannot see by which process"}
	}
	return unbound(check, key, inbound.NameOwner(err, network, resolved.AddrPort()))
}

// rostrumAnswers reports whether a Rostrum answers at an address: its API answers with a
// request id, and an unsigned request changes nothing.
func rostrumAnswers(ctx context.Context, at config.Address) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, scheme := range []string{"http", "https"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s://%s/ListStages", scheme, at.DialAddress()), strings.NewReader("{}"))
		if err != nil {
			return false
		}
		answer, err := client.Do(r)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.Header.Get("x-amzn-RequestId") != "" {
			return true
		}
	}
	return false
}
