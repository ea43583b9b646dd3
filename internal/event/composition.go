package event

import (
	"time"

	"rostrum/ivsrealtime"
)

// A Composition is which composition an event is about.
type Composition struct {
	ARN      string
	StageARN string
}

// The error codes of CompositionFailed that are no code of the API.
const (
	CodeStageDeleted       ivsrealtime.Code = "StageDeleted"
	CodeDestinationFailure ivsrealtime.Code = "DestinationFailure"
)

// A Failure says why something failed: a code to decide by, a sentence to read.
type Failure struct {
	Code   ivsrealtime.Code
	Reason string
}

// compositionDetail has no event_time: the service's doesn't.
type compositionDetail struct {
	Name          string           `json:"event_name"`
	StageARN      string           `json:"stage_arn"`
	DestinationID string           `json:"id,omitempty"`
	ErrorCode     ivsrealtime.Code `json:"error_code,omitempty"`
	Reason        string           `json:"reason,omitempty"`
}

func (c Composition) change(name string, at time.Time, destinationID string, f Failure) Event {
	return newEvent(CompositionChange, c.ARN, c.StageARN, at, compositionDetail{name, c.StageARN, destinationID, f.Code, f.Reason})
}

// CompositionStarted tells that c receives media and can compose.
func CompositionStarted(c Composition, at time.Time) Event {
	return c.change("Session Start", at, "", Failure{})
}

// CompositionEnded tells that c is complete, after all its destinations have ended.
func CompositionEnded(c Composition, at time.Time) Event {
	return c.change("Session End", at, "", Failure{})
}

// CompositionFailed tells that c came to an end it was not asked for.
func CompositionFailed(c Composition, at time.Time, why Failure) Event {
	return c.change("Session Failure", at, "", why)
}

// DestinationStarted tells that c's output to a destination began.
func DestinationStarted(c Composition, at time.Time, destinationID string) Event {
	return c.change("Destination Start", at, destinationID, Failure{})
}

// DestinationEnded tells that c's output to a destination is finished.
func DestinationEnded(c Composition, at time.Time, destinationID string) Event {
	return c.change("Destination End", at, destinationID, Failure{})
}

// DestinationReconnecting tells that c's output was interrupted and is being resumed.
func DestinationReconnecting(c Composition, at time.Time, destinationID string) Event {
	return c.change("Destination Reconnecting", at, destinationID, Failure{})
}

// DestinationFailed tells that c's output to a destination failed for good.
func DestinationFailed(c Composition, at time.Time, destinationID string, why Failure) Event {
	return c.change("Destination Failure", at, destinationID, why)
}
