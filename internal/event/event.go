// Package event says what happened: every event of the service, and Rostrum's
// own, as EventBridge shows them.
//
// An event is made by the constructor that bears its name, in the past tense,
// and written into the outbox by the transaction of the change it tells of. The
// log gives it its cursor; from there it is carried to whoever listens.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rostrum/internal/arn"
)

// The detail-types of events (Real-Time User Guide, EventBridge). Those that
// the managed service doesn't send stand under Rostrum's alone, so that no pattern
// written for it sees them unasked.
const (
	StageUpdate        = "IVS Stage Update"
	CompositionChange  = "IVS Composition State Change"
	RecordingChange    = "IVS Participant Recording State Change"
	StreamChange       = "IVS Stream State Change"
	StreamHealthChange = "IVS Stream Health Change"
	LimitBreach        = "IVS Limit Breach"

	RostrumStageUpdate     = "Rostrum Stage Update"
	RostrumChannelUpdate   = "Rostrum Channel Update"
	RostrumRecordingUpdate = "Rostrum Recording Update"
)

// isRostrumEvent reports whether the managed service has no events of a detail-type.
func isRostrumEvent(detailType string) bool {
	return detailType == RostrumStageUpdate || detailType == RostrumChannelUpdate || detailType == RostrumRecordingUpdate
}

// The times in events: RFC 3339, UTC.
const (
	wholeSeconds = "2006-01-02T15:04:05Z"
	preciseTime  = "2006-01-02T15:04:05.000Z"
)

// An Event is one thing that happened.
type Event struct {
	// Cursor is the event's place in the log: it grows from event to event and
	// is never used twice. Zero until the event is kept.
	Cursor int64

	ID         string // a UUID; the same however often the event is delivered
	DetailType string
	Account    string
	Region     string
	Time       time.Time
	Resource   string          // the ARN it happened to; empty where it is the account
	StageARN   string          // events of one stage are delivered in order
	Detail     json.RawMessage // an object
}

// resources are the ARNs that the envelope names.
func (e Event) resources() []string {
	if e.Resource == "" {
		return []string{}
	}
	return []string{e.Resource}
}

// MarshalJSON writes the EventBridge envelope, as targets receive it.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Version    string          `json:"version"`
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       string          `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
	}{
		Version: "0", ID: e.ID, DetailType: e.DetailType, Source: "aws.ivs", Account: e.Account,
		Time: e.Time.UTC().Format(wholeSeconds), Region: e.Region, Resources: e.resources(), Detail: e.Detail,
	})
}

// newEvent makes an event about resource. Account and region are the
// resource's own; one that is no ARN leaves them empty.
func newEvent(detailType, resource, stageARN string, at time.Time, detail any) Event {
	body, err := json.Marshal(detail)
	if err != nil {
		panic(fmt.Sprintf("event: a detail of strings and numbers does not marshal: %v", err))
	}
	name, _ := arn.Parse(resource)
	return Event{
		ID: uuid.NewString(), DetailType: detailType, Account: name.Account, Region: name.Region,
		Time: at, Resource: resource, StageARN: stageARN, Detail: body,
	}
}
