package signaling

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/authority"
)

// metrics count refused tokens.
type metrics struct{ refusals *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rostrum_token_refusals_total",
		Help: "Requests of participants whose token was refused, by reason; limited are those of addresses with many tokens that are not valid.",
	}, []string{"reason"})}
	if r != nil {
		r.MustRegister(m.refusals)
	}
	return m
}

// retryAfterForged is when an address may try another token: see [inbound.Failures].
const retryAfterForged = 6 * time.Second

// countRefusal counts why a token was refused. If too many from the same address were
// not even tokens of this server, the client is told to wait. Each token was verified
// first, so that valid ones from that address are accepted.
func (s *Server) countRefusal(r *http.Request, token string, err error) error {
	var refusal *authority.Refusal
	if !errors.As(err, &refusal) || refusal.Kind == authority.Internal {
		return err
	}
	reason := refusal.Reason
	if reason == "" {
		reason = strings.ToLower(string(refusal.Code))
	}
	s.metrics.refusals.WithLabelValues(reason).Inc()
	from, parseErr := netip.ParseAddrPort(r.RemoteAddr)
	if token == "" || refusal.Code != authority.TokenMalformed || parseErr != nil {
		return err
	}
	tooMany, report := s.forged.Add(from.Addr())
	if !tooMany {
		return err
	}
	if report {
		s.cfg.Log.Warn("many invalid participant tokens from one address", "from", from.Addr())
	}
	s.metrics.refusals.WithLabelValues("limited").Inc()
	return problem{
		status: http.StatusTooManyRequests, code: string(authority.TokenMalformed), title: "The token is invalid",
		detail: "too many invalid tokens came from this address", retryAfter: retryAfterForged,
	}
}
