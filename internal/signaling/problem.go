package signaling

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/authority"
)

// A problem is a refusal as HTTP tells it (RFC 9457).
type problem struct {
	status     int
	code       string
	title      string
	detail     string
	retryAfter time.Duration
}

// kinds says what each kind of refusal is in HTTP.
var kinds = map[authority.Kind]problem{
	authority.Unauthenticated: {status: http.StatusUnauthorized, title: "The participant token is not good"},
	authority.Forbidden:       {status: http.StatusForbidden, title: "The participant may not do this"},
	authority.NotFound:        {status: http.StatusNotFound, title: "Not there, or no longer"},
	authority.Crowded:         {status: http.StatusTooManyRequests, title: "A quota is reached"},
	authority.Unavailable:     {status: http.StatusServiceUnavailable, title: "The server takes no more now"},
	authority.Unusable:        {status: http.StatusUnprocessableEntity, title: "The request can't be worked with"},
	authority.Malformed:       {status: http.StatusBadRequest, title: "The request is malformed"},
	authority.Stale:           {status: http.StatusPreconditionFailed, title: "The condition doesn't hold"},
	authority.Internal:        {status: http.StatusInternalServerError, title: "Something went wrong on the server"},
}

func (p problem) Error() string { return p.title + ": " + p.detail }

// refuse answers with the problem that err is.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p problem
	var refusal *authority.Refusal
	switch {
	case r.Context().Err() != nil:
		return // nobody is there to read it
	case errors.As(err, &p):
	case errors.As(err, &refusal):
		p = kinds[refusal.Kind]
		p.code, p.detail, p.retryAfter = string(refusal.Code), refusal.Detail, refusal.RetryAfter
	default:
		p = kinds[authority.Internal]
		p.code, p.detail = string(authority.Failed), "the server's log tells more"
	}
	if p.status == http.StatusInternalServerError {
		d.cfg.Log.Error("participant's request failed", "method", r.Method, "route", r.Pattern, "error", err)
	}
	writeProblem(w, p)
}

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
	_ = json.NewEncoder(w).Encode(body) // the client has gone, then
}
