package ivsrealtime

import (
	"fmt"
	"net/http"
	"time"
)

// A Code is the name of an error of the service. It is an error itself, so that
// errors.Is(err, ivsrealtime.ResourceNotFound) reports whether err wraps an [Error]
// with that code.
type Code string

// The errors the API models (API reference, Errors of each operation).
const (
	ValidationFailed     Code = "ValidationException"           // the input breaks a constraint
	ServiceQuotaExceeded Code = "ServiceQuotaExceededException" // it would exceed a quota
	AccessDenied         Code = "AccessDeniedException"         // no permission
	PendingVerification  Code = "PendingVerification"           // the account is not verified yet
	ResourceNotFound     Code = "ResourceNotFoundException"
	Conflict             Code = "ConflictException" // the change would leave an inconsistent state
	InternalServerError  Code = "InternalServerException"
)

// The errors common to all operations (API reference, Common Errors).
const (
	Throttling            Code = "ThrottlingException"
	UnknownOperation      Code = "UnknownOperationException"
	MalformedRequest      Code = "MalformedHttpRequestException"
	RequestTooLarge       Code = "RequestEntityTooLargeException"
	RequestTimeout        Code = "RequestTimeoutException"
	RequestAborted        Code = "RequestAbortedException"
	MissingAuthentication Code = "MissingAuthenticationToken"
	IncompleteSignature   Code = "IncompleteSignature"
	InvalidSignature      Code = "InvalidSignatureException"
	UnrecognizedClient    Code = "UnrecognizedClientException"
	ExpiredToken          Code = "ExpiredTokenException"
	ServiceUnavailable    Code = "ServiceUnavailable"
	InternalFailure       Code = "InternalFailure"
	NotAuthorized         Code = "NotAuthorized"
	OptInRequired         Code = "OptInRequired"
	ValidationError       Code = "ValidationError"
)

// Further errors of the API of channels (`ivs`).
const (
	ChannelNotBroadcasting Code = "ChannelNotBroadcasting" // the channel is offline
	StreamUnavailable      Code = "StreamUnavailable"      // the stream is not available now
)

// UnknownError is the client's code for responses that are not from the API, such
// as an error page of a proxy.
const UnknownError Code = "UnknownError"

var statuses = map[Code]int{
	ValidationFailed:      http.StatusBadRequest,
	ServiceQuotaExceeded:  http.StatusPaymentRequired,
	AccessDenied:          http.StatusForbidden,
	PendingVerification:   http.StatusForbidden,
	ResourceNotFound:      http.StatusNotFound,
	Conflict:              http.StatusConflict,
	InternalServerError:   http.StatusInternalServerError,
	Throttling:            http.StatusTooManyRequests,
	UnknownOperation:      http.StatusNotFound,
	MalformedRequest:      http.StatusBadRequest,
	RequestTooLarge:       http.StatusRequestEntityTooLarge,
	RequestTimeout:        http.StatusRequestTimeout,
	RequestAborted:        http.StatusBadRequest,
	MissingAuthentication: http.StatusForbidden,
	IncompleteSignature:   http.StatusForbidden,
	InvalidSignature:      http.StatusForbidden,
	UnrecognizedClient:    http.StatusForbidden,
	ExpiredToken:          http.StatusForbidden,
	ServiceUnavailable:    http.StatusServiceUnavailable,
	InternalFailure:       http.StatusInternalServerError,
	NotAuthorized:         http.StatusUnauthorized,
	OptInRequired:         http.StatusForbidden,
	ValidationError:       http.StatusBadRequest,

	ChannelNotBroadcasting: http.StatusNotFound,
	StreamUnavailable:      http.StatusServiceUnavailable,
}

// Status returns the HTTP status of the code; 500 if it is unknown.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Error implements error.
func (c Code) Error() string { return string(c) }

// An Error is the error of an operation, on the server and on the client.
type Error struct {
	// The kind of error, which errors.Is compares.
	Code       Code
	Message    string // for the caller; names the invalid field
	StatusCode int    // set by the client: the HTTP status
	RequestID  string // set by the client: x-amzn-RequestId

	// RetryAfter is set by the client: the pause that the server demands before a
	// retry; zero if none.
	RetryAfter time.Duration

	// Cause is for the operator and never sent to clients; nil if there is none.
	Cause error
}

// Errorf returns an Error with a message for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements error. On the client it includes the request id.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.RequestID != "" {
		s += fmt.Sprintf(" (status %d, request %s)", e.StatusCode, e.RequestID)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Is reports whether target is this error's Code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
