package api

import (
	"errors"
	"net"
	"net/http"

	"rostrum/internal/control"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

// caller proves who sent a request.
func (d *Door) caller(r *http.Request, body []byte, requestID string) (control.Caller, error) {
	prove := d.verifier.Verify
	if d.anyone {
		prove = func(r *http.Request, _ []byte) (sigv4.Identity, error) { return sigv4.Claimed(r) }
	}
	id, err := prove(r, body)
	if err != nil {
		return control.Caller{}, refusal(err)
	}
	c, err := d.plane.Caller(r.Context(), id, d.anyone)
	if err != nil {
		return control.Caller{}, err
	}
	c.RequestID = requestID
	c.Secure = r.TLS != nil
	c.Address, _, _ = net.SplitHostPort(r.RemoteAddr)
	return c, nil
}

// refusal turns the verifier's word into the API's.
func refusal(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	return &ivsrealtime.Error{Code: ivsrealtime.Code(e.Code), Message: e.Message}
}
