package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/wire"
)

// A problem is a refusal as a problem document (RFC 9457).
type problem struct {
	status     int
	code       string
	title      string
	detail     string
	retryAfter time.Duration
}

// problems has status and title for each kind of refusal.
var problems = map[authority.Kind]problem{
	authority.Unauthenticated: {status: http.StatusUnauthorized, title: "The token is invalid"},
	authority.Forbidden:       {status: http.StatusForbidden, title: "The participant is not allowed to do this"},
	authority.NotFound:        {status: http.StatusNotFound, title: "Not found"},
	authority.Crowded:         {status: http.StatusTooManyRequests, title: "A quota is reached"},
	authority.Unavailable:     {status: http.StatusServiceUnavailable, title: "The server is at its capacity"},
	authority.Unusable:        {status: http.StatusUnprocessableEntity, title: "The request can't be processed"},
	authority.Malformed:       {status: http.StatusBadRequest, title: "The request is malformed"},
	authority.Stale:           {status: http.StatusPreconditionFailed, title: "The precondition failed"},
	authority.Unconditional:   {status: http.StatusPreconditionRequired, title: "A precondition is required"},
	authority.Internal:        {status: http.StatusInternalServerError, title: "The server failed"},
}

func (p problem) Error() string { return p.title + ": " + p.detail }

// document is the problem document of a reply.
func (p problem) document() wire.Problem {
	return wire.Problem{
		Type: "urn:rostrum:problem:" + strings.ToLower(strings.ReplaceAll(p.code, "_", "-")), Title: p.title, Status: p.status, Detail: p.detail, Code: p.code,
		RetryAfter: int(math.Ceil(p.retryAfter.Seconds())),
	}
}

// problemOf turns the error of a request into what its client is told.
func (s *Server) problemOf(err error, request string) problem {
	var p problem
	var refusal *authority.Refusal
	switch {
	case errors.As(err, &p):
	case errors.As(err, &refusal):
		p = problems[refusal.Kind]
		p.code, p.detail, p.retryAfter = string(refusal.Code), refusal.Detail, refusal.RetryAfter
	default:
		p = problems[authority.Internal]
		p.code, p.detail = string(authority.Failed), "the reason is in the server's log"
	}
	if p.status == http.StatusInternalServerError {
		s.cfg.Log.Error("participant's request failed", "request", request, "error", err)
	}
	return p
}

// tooLarge refuses what has more than max bytes.
func tooLarge(max int) problem {
	return problem{status: http.StatusRequestEntityTooLarge, code: string(authority.InvalidInput), title: "The body is too large",
		detail: fmt.Sprintf("at most %d bytes are allowed", max)}
}

// writeProblem answers with a problem document.
func writeProblem(w http.ResponseWriter, p problem) {
	h, body := w.Header(), p.document()
	h.Set("Content-Type", "application/problem+json")
	if body.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(body.RetryAfter))
		body.RetryAfter = 0
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}
