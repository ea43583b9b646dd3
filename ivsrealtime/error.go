package ivsrealtime

import (
	"fmt"
	"net/http"
	"time"
)

// A Code is the name of an error as the service sends it. It is an error
// itself, so that errors.Is(err, ivsrealtime.ResourceNotFound) holds for an
// [Error] of that code, however it is wrapped.
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

// The errors that the channels of the sister API (`ivs`) have besides.
const (
	ChannelNotBroadcasting Code = "ChannelNotBroadcasting" // the channel is offline
	StreamUnavailable      Code = "StreamUnavailable"      // the stream can't be reached now
)

// UnknownError is no name of the service's: the client gives it to an answer
// that names no error it could read, as the page of a proxy in between.
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

// Status is the HTTP status an error of this code travels with; 500 for a code
// this package does not know.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Error makes a Code comparable with errors.Is.
func (c Code) Error() string { return string(c) }

// An Error is what an operation answers when it fails: on the server the
// decision, on the client the answer that came back.
type Error struct {
	Code       Code
	Message    string // for the caller; names the field at fault
	StatusCode int    // set by the client: the HTTP status that came
	RequestID  string // set by the client: x-amzn-RequestId

	// RetryAfter is set by the client: how long the server asked to be left
	// alone before the next try; zero when it did not.
	RetryAfter time.Duration

	// Cause is for the operator and never crosses the wire; nil when there is none.
	Cause error
}

// Errorf makes an Error with a message for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error tells code and message, and on the client the request they belong to.
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }
