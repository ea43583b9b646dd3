package signaling

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/authority"
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

// writeProblem answers with a problem document.
func writeProblem(w http.ResponseWriter, p problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	w.WriteHeader(p.status)
	body := struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		Code   string `json:"code"`
	}{"urn:rostrum:problem:" + strings.ToLower(strings.ReplaceAll(p.code, "_", "-")), p.title, p.status, p.detail, p.code}
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}
