package ivsrealtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// maxResponseBytes bounds a response. The largest of the API, a page of 100 events
// with the attributes of two tokens each, has about 300 kB.
const maxResponseBytes = 8 << 20

// An answer is a complete HTTP response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func readAnswer(r *http.Response) (*answer, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponseBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	a := &answer{status: r.StatusCode, header: r.Header, body: body}
	if len(body) > maxResponseBytes {
		return nil, a.unreadable("it is larger than %d bytes", maxResponseBytes)
	}
	return a, nil
}

// decode decodes the response, or returns the error in it.
func (a *answer) decode(out any) error {
	if a.status < 200 || a.status > 299 {
		return a.err()
	}
	v := reflect.ValueOf(out).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name := f.Tag.Get("header"); name != "" {
			v.FieldByIndex(f.Index).SetString(a.header.Get(name))
		}
	}
	if len(a.body) == 0 {
		return nil // operations without output members have no body
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		return a.unreadable("%v", err)
	}
	return nil
}

// err returns the error in the response. Its name is in a header, or else in the
// body (restJson1, error serialization).
func (a *answer) err() error {
	var body struct {
		Code             string `json:"code"`
		Type             string `json:"__type"`
		ExceptionMessage string `json:"exceptionMessage"`
		Message          string `json:"message"`
	}
	// A member of the wrong type does not invalidate the others.
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(a.body, &body); err != nil && !errors.As(err, &wrongType) {
		body.Message = ""
	}
	name := ""
	for _, n := range []string{a.header.Get("x-amzn-ErrorType"), body.Code, body.Type} {
		if n = errorName(n); n != "" {
			name = n
			break
		}
	}
	if name == "" {
		return a.unreadable("it names no error")
	}
	e := a.stamp(&Error{Code: Code(name), Message: body.ExceptionMessage})
	if e.Message == "" {
		e.Message = body.Message
	}
	return e
}

// errorName removes what some services add to a name: a namespace up to "#", and a
// URL after ":".
func errorName(s string) string {
	s, _, _ = strings.Cut(s, ":")
	return strings.TrimSpace(s[strings.LastIndexByte(s, '#')+1:])
}

// unreadable is the error for responses that are not from the API, such as an error
// page of a proxy, with the beginning of the response.
func (a *answer) unreadable(format string, args ...any) error {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	const shown = 120
	beginning := string(a.body[:min(len(a.body), shown)])
	return a.stamp(Errorf(UnknownError, "the answer is not one of the API: %s; status %d %s, %s, beginning %q",
		fmt.Sprintf(format, args...), a.status, http.StatusText(a.status), kind, beginning))
}

func (a *answer) stamp(e *Error) *Error {
	e.StatusCode = a.status
	e.RequestID = a.header.Get("x-amzn-RequestId")
	e.RetryAfter = a.retryAfter()
	return e
}

// retryAfter returns the pause that the server demands; zero if none.
func (a *answer) retryAfter() time.Duration {
	if ms, err := strconv.ParseInt(a.header.Get("x-amz-retry-after"), 10, 32); err == nil {
		return max(0, time.Duration(ms)*time.Millisecond)
	}
	value := a.header.Get("Retry-After") // RFC 9110 §10.2.3: seconds, or a date
	if s, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(s)*time.Second)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, ok := a.serverTime()
	if !ok {
		now = time.Now()
	}
	return max(0, until.Sub(now))
}

// serverTime returns the server's time of the response, in whole seconds.
func (a *answer) serverTime() (time.Time, bool) {
	t, err := http.ParseTime(a.header.Get("Date"))
	return t, err == nil
}
