package api

import (
	"context"
	"errors"
	"net"
	"net/http"

	"rostrum/internal/control"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

// authenticateSession returns the user of a page that sent a request; nil if it is of none.
func (s *Server) authenticateSession(r *http.Request) (*sigv4.Identity, context.Context, error) {
	if s.session == nil {
		return nil, nil, nil
	}
	return s.session(r)
}

// caller authenticates a request, which is signed unless it has a user.
func (s *Server) caller(r *http.Request, user *sigv4.Identity, body []byte, requestID string) (control.Caller, error) {
	id, err := s.identity(r, user, body)
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

func (s *Server) identity(r *http.Request, user *sigv4.Identity, body []byte) (sigv4.Identity, error) {
	switch {
	case user != nil:
		return *user, nil
	case s.anyone:
		return sigv4.Claimed(r)
	default:
		return s.verifier.Verify(r, body)
	}
}

// refusal turns an error of the verifier into an error of the API.
func refusal(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	return &ivsrealtime.Error{Code: ivsrealtime.Code(e.Code), Message: e.Message}
}
