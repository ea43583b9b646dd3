package event

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"rostrum/internal/outbound"
)

// guardedTransport connects only where outbound.Guard allows it, without any proxy. What
// is not encrypted stays within this machine.
func guardedTransport(allowPrivate bool) http.RoundTripper {
	dialer := net.Dialer{Timeout: 5 * time.Second, Control: outbound.Guard(allowPrivate)}
	encrypted := &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: webhookTimeout, MaxResponseHeaderBytes: answerLimit,
		MaxConnsPerHost: webhookParallel, MaxIdleConnsPerHost: webhookParallel, IdleConnTimeout: 90 * time.Second,
	}
	plain := encrypted.Clone()
	local := net.Dialer{Timeout: dialer.Timeout, Control: onlyLoopback}
	plain.DialContext = local.DialContext
	return byScheme{encrypted, plain}
}

// byScheme sends https one way and http the other.
type byScheme struct{ encrypted, plain *http.Transport }

func (s byScheme) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Scheme == "https" {
		return s.encrypted.RoundTrip(q)
	}
	return s.plain.RoundTrip(q)
}

func (s byScheme) CloseIdleConnections() {
	s.encrypted.CloseIdleConnections()
	s.plain.CloseIdleConnections()
}

func onlyLoopback(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() {
		return errors.New("plain http:// goes to this machine alone")
	}
	return nil
}

// unwrapURL takes the URL out of an error of the HTTP client: its query may be
// a secret.
func unwrapURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
