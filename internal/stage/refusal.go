package stage

import (
	"fmt"
	"time"
)

// A Code says in one word why a participant was refused: the names that
// clients of the service know (web SDK, StageErrorCode), and a few for faults
// which those clients never make.
type Code string

// The codes of refusals.
const (
	TokenMalformed          Code = "TOKEN_MALFORMED"
	TokenExpired            Code = "TOKEN_EXPIRED"
	TokenNotAllowed         Code = "TOKEN_NOT_ALLOWED" // a capability is missing
	StageDeleted            Code = "STAGE_DELETED"
	StageAtCapacity         Code = "STAGE_AT_CAPACITY"
	ParticipantDisconnected Code = "PARTICIPANT_DISCONNECTED"
	CodecMismatch           Code = "CODEC_MISMATCH"
	PublisherNotFound       Code = "PUBLISHER_NOT_FOUND"
	ResourceGone            Code = "RESOURCE_NOT_FOUND" // a connection that has ended, or never was
	TokenReused             Code = "TOKEN_REUSED"       // a connection that a newer one took over
	PreconditionFailed      Code = "PRECONDITION_FAILED"
	InvalidInput            Code = "INVALID_INPUT"
	ExchangeRefused         Code = "EXCHANGE_REFUSED"
	Failed                  Code = "FAILED" // a fault of the server
)

// A Kind classes refusals by what the client can do about them.
type Kind int

// The kinds of refusals.
const (
	Unauthenticated Kind = iota // bring a good token
	Forbidden                   // this token will never do
	NotFound                    // what was asked for is not there, or no longer
	Crowded                     // a quota is reached: try again when others have left
	Unavailable                 // this server is at its own limits, or going down: try again later
	Unusable                    // what was sent can't be worked with, though it is well formed
	Malformed                   // what was sent is not what it says it is
	Stale                       // the condition of the request doesn't hold
	Internal                    // the server failed
)

// A Refusal is why a participant may not do what it tried. Its Detail is fit to
// be shown to whoever holds the token.
type Refusal struct {
	Code       Code
	Kind       Kind
	Detail     string
	RetryAfter time.Duration // of Crowded and Unavailable
	Err        error         // for the operator; nil when Detail says it all
}

func (r *Refusal) Error() string {
	s := string(r.Code) + ": " + r.Detail
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap gives the operator's error.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(kind Kind, code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// failed is the refusal for a fault of our own.
func failed(doing string, err error) *Refusal {
	return &Refusal{Code: Failed, Kind: Internal, Detail: "the server could not " + doing, Err: err}
}
