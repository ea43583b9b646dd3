package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// transportHeaders are headers of all responses, as the service sends them: SDKs
// read them into the replication outputs and into errors. CORS origins depend on
// the request.
var transportHeaders = ivsrealtime.TransportHeaders{
	AccessControlExposeHeaders: "Content-Length,Content-Type,date,Retry-After,x-amzn-errortype,x-amzn-errormessage,x-amzn-requestid",
	CacheControl:               "no-store, no-cache",
	ContentSecurityPolicy:      "default-src 'self'; upgrade-insecure-requests;",
	StrictTransportSecurity:    "max-age:47304000; includeSubDomains",
	XContentTypeOptions:        "nosniff",
	XFrameOptions:              "DENY",
}

func setTransportHeaders(h http.Header) {
	v := reflect.ValueOf(transportHeaders)
	for i := range v.NumField() {
		if text := v.Field(i).String(); text != "" {
			h.Set(v.Type().Field(i).Tag.Get("header"), text)
		}
	}
}

// answer writes the result of a request.
func (s *Server) answer(w http.ResponseWriter, log *slog.Logger, out any, err error) (code ivsrealtime.Code) {
	if err != nil {
		return s.refuse(w, log, err)
	}
	body, err := encode(out)
	if err != nil {
		return s.refuse(w, log, err)
	}
	if _, nothing := out.(*ivs.Unit); nothing {
		w.WriteHeader(http.StatusNoContent)
		return ""
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // an error means that the caller is gone
	return ""
}

// fault is the body of an error. SDKs differ in the member that they print.
type fault struct {
	ExceptionMessage string `json:"exceptionMessage"`
	Message          string `json:"message"`
}

// refuse writes an error.
func (s *Server) refuse(w http.ResponseWriter, log *slog.Logger, err error) ivsrealtime.Code {
	e := classified(log, err)
	body, _ := json.Marshal(fault{e.Message, e.Message}) // two strings always marshal
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("x-amzn-ErrorType", string(e.Code))
	if e.Code == ivsrealtime.Throttling || e.Code == ivsrealtime.ServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat)) // SDKs correct their clock with it
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Code.Status())
	_, _ = w.Write(body)
	return e.Code
}

// codeOf returns the code of an error that ended a stream; empty without error.
func codeOf(log *slog.Logger, err error) ivsrealtime.Code {
	if err == nil {
		return ""
	}
	return classified(log, err).Code
}

// classified returns the error for the caller. An error without a class is an
// internal error, and logged here.
func classified(log *slog.Logger, err error) *ivsrealtime.Error {
	var e *ivsrealtime.Error
	if errors.Is(err, store.ErrBusy) {
		log.Warn("operation", "error", err)
		return ivsrealtime.Errorf(ivsrealtime.ServiceUnavailable, "the database has no connection free: try again")
	}
	if !errors.As(err, &e) {
		log.Error("operation", "error", err)
		return ivsrealtime.Errorf(ivsrealtime.InternalServerError, "the server failed; the reason is in its log under the id of this request")
	}
	if e.Cause != nil {
		log.Warn("operation", "error", err)
	}
	return e
}
