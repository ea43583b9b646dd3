package event

import "time"

// The events below are Rostrum's own: the managed service shows joins and
// sessions only in its lists, so that applications have to poll for them.

// Their names.
const (
	nameSessionStarted = "Session Started"
	nameSessionEnded   = "Session Ended"
	nameJoined         = "Participant Joined"
	nameLeft           = "Participant Left"
)

// sessionDetail is the detail of an event about a whole session.
type sessionDetail struct {
	SessionID   string `json:"session_id"`
	Name        string `json:"event_name"`
	Time        string `json:"event_time"`
	PreciseTime string `json:"event_time_precise"`
}

// presenceDetail is the detail of a join or a leave.
type presenceDetail struct {
	sessionDetail
	UserID        string            `json:"user_id"`
	ParticipantID string            `json:"participant_id"`
	Attributes    map[string]string `json:"attributes,omitempty"`
}

func sitting(name, sessionID string, at time.Time) sessionDetail {
	return sessionDetail{
		SessionID: sessionID, Name: name,
		Time: at.UTC().Format(wholeSeconds), PreciseTime: at.UTC().Format(preciseTime),
	}
}

// ParticipantJoined tells that p is connected, with the attributes of its token.
func ParticipantJoined(p Participant, at time.Time, attributes map[string]string) Event {
	return newEvent(RostrumStageUpdate, p.StageARN, p.StageARN, at, presenceDetail{
		sitting(nameJoined, p.SessionID, at), p.UserID, p.ID, attributes,
	})
}

// ParticipantLeft tells that p is no longer connected.
func ParticipantLeft(p Participant, at time.Time) Event {
	return newEvent(RostrumStageUpdate, p.StageARN, p.StageARN, at, presenceDetail{
		sitting(nameLeft, p.SessionID, at), p.UserID, p.ID, nil,
	})
}

// SessionStarted tells that a sitting of the stage began.
func SessionStarted(stageARN, sessionID string, at time.Time) Event {
	return newEvent(RostrumStageUpdate, stageARN, stageARN, at, sitting(nameSessionStarted, sessionID, at))
}

// SessionEnded tells that a sitting of the stage is over.
func SessionEnded(stageARN, sessionID string, at time.Time) Event {
	return newEvent(RostrumStageUpdate, stageARN, stageARN, at, sitting(nameSessionEnded, sessionID, at))
}

// pushDetail is the detail of an event about a channel's push to another platform.
// The rest of the address is a secret.
type pushDetail struct {
	channelDetail
	Host string `json:"push_host"`
}

func pushed(name string, c Channel, at time.Time, host, reason string) Event {
	return newEvent(RostrumChannelUpdate, c.ARN, c.ARN, at, pushDetail{channelDetail{name, c.Name, c.StreamID, reason}, host})
}

// PushStarted tells that host takes the channel's stream, for the first time or again.
func PushStarted(c Channel, at time.Time, host string) Event {
	return pushed("Push Started", c, at, host, "")
}

// PushInterrupted tells that host does not take the channel's stream now, and why.
// It is tried again until the stream ends.
func PushInterrupted(c Channel, at time.Time, host, reason string) Event {
	return pushed("Push Interrupted", c, at, host, reason)
}

// PushEnded tells that the channel's stream is over, and no more is sent to host.
func PushEnded(c Channel, at time.Time, host string) Event {
	return pushed("Push Ended", c, at, host, "")
}

// uploadDetail is the detail of an event about the upload of an individual recording.
type uploadDetail struct {
	recordingDetail
	PendingBytes int64 `json:"pending_bytes"`
}

func upload(name string, r Recording, at time.Time, reason string, pending int64) Event {
	d := recordingDetail{r.SessionID, name, r.ParticipantID, r.Bucket, r.Prefix, nil, "", reason}
	return newEvent(RostrumRecordingUpdate, r.StageARN, r.StageARN, at, uploadDetail{d, pending})
}

// UploadInterrupted tells that the bucket takes no files of a recording now, and why. It goes
// on; its files wait on the node.
func UploadInterrupted(r Recording, at time.Time, reason string, pending int64) Event {
	return upload("Upload Interrupted", r, at, reason, pending)
}

// UploadResumed tells that the bucket has all that waited.
func UploadResumed(r Recording, at time.Time) Event { return upload("Upload Resumed", r, at, "", 0) }

// TargetTested is what a target is sent to see whether it works. It stands in no
// log.
func TargetTested(t Target, at time.Time) Event {
	e := newEvent(RostrumStageUpdate, "", "", at, struct {
		Name   string `json:"event_name"`
		Time   string `json:"event_time"`
		Target string `json:"target"`
	}{"Target Tested", at.UTC().Format(wholeSeconds), t.Name})
	e.Account = t.Account
	return e
}
