package authority

import (
	"fmt"
	"time"
)

// A Code is the machine-readable reason why a participant was refused: the
// names that clients of the service know (web SDK, StageErrorCode), and a few
// for faults which those clients never cause.
type Code string

// The codes of refusals.
const (
	TokenMalformed          Code = "TOKEN_MALFORMED"
	TokenExpired            Code = "TOKEN_EXPIRED"
	TokenNotAllowed         Code = "TOKEN_NOT_ALLOWED" // a capability is missing
	TokenRevoked            Code = "TOKEN_REVOKED"     // a connection token, by RevokeConnectionToken
	StageDeleted            Code = "STAGE_DELETED"
	StageAtCapacity         Code = "STAGE_AT_CAPACITY"
	ParticipantDisconnected Code = "PARTICIPANT_DISCONNECTED"
	CodecMismatch           Code = "CODEC_MISMATCH"
	PublisherNotFound       Code = "PUBLISHER_NOT_FOUND"
	ResourceGone            Code = "RESOURCE_NOT_FOUND" // a connection that has ended, or never existed
	TokenReused             Code = "TOKEN_REUSED"       // a connection that a newer one replaced
	PreconditionFailed      Code = "PRECONDITION_FAILED"
	InvalidInput            Code = "INVALID_INPUT"
	ExchangeRefused         Code = "EXCHANGE_REFUSED"
	Failed                  Code = "FAILED" // a fault of the server
)

// A Kind classifies refusals by what the client can do about them.
type Kind int

// The kinds of refusals.
const (
	Unauthenticated Kind = iota // needs a valid token
	Forbidden                   // the token does not and will not allow it
	NotFound                    // what the request names does not exist, or no longer
	Crowded                     // a quota is reached: retry when others have left
	Unavailable                 // the server is at its own limits, or stopping: retry later
	Unusable                    // the request is well formed, but the server can't use it
	Malformed                   // the request is not well formed
	Stale                       // the condition of the request does not hold
	Unconditional               // the request needs a condition
	Internal                    // the server failed
)

// A Refusal is why a participant may not do what it tried. Its Detail may be
// shown to whoever holds the token.
type Refusal struct {
	Code       Code
	Kind       Kind
	Detail     string
	Reason     string        // why a token is not valid, in one word of a closed list; empty if Code says it
	RetryAfter time.Duration // of Crowded and Unavailable
	Err        error         // for the operator; nil when Detail says all
}

func (r *Refusal) Error() string {
	s := string(r.Code) + ": " + r.Detail
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap returns the operator's error.
func (r *Refusal) Unwrap() error { return r.Err }

// Refuse makes a refusal with a formatted detail.
func Refuse(kind Kind, code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Failure makes the refusal for a fault of this server. doing completes "the
// server could not".
func Failure(doing string, err error) *Refusal {
	return &Refusal{Code: Failed, Kind: Internal, Detail: "the server could not " + doing, Err: err}
}
