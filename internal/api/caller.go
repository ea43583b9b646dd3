package api

import (
	"errors"
	"net"
	"net/http"

	"rostrum/internal/control"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

// caller authenticates a request.
func (s *Server) caller(r *http.Request, body []byte, requestID string) (control.Caller, error) {
	verify := s.verifier.Verify
	if s.anyone {
		verify = func(r *http.Request, _ []byte) (sigv4.Identity, error) { return sigv4.Claimed(r) }
	}
	id, err := verify(r, body)
	if err != nil {
		return control.Caller{}, refusal(err)
	}
	c, err := s.plane.Caller(r.Context(), id, s.anyone)
	if err != nil {
		return control.Caller{}, err
	}
	c.RequestID = requestID
	c.Secure = r.TLS != nil
	c.Address, _, _ = net.SplitHostPort(r.RemoteAddr)
	return c, nil
}

// refusal turns an error of the verifier into an error of the API.
func refusal(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	return &ivsrealtime.Error{Code: ivsrealtime.Code(e.Code), Message: e.Message}
}
