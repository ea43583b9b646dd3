package event

import "time"

// A Recording is which individual recording an event is about.
type Recording struct {
	StageARN      string
	SessionID     string // the current session; the prefix may keep an earlier one
	ParticipantID string
	Bucket        string
	Prefix        string
}

// recordingDetail has no event_time: the service's doesn't.
type recordingDetail struct {
	SessionID     string `json:"session_id"`
	Name          string `json:"event_name"`
	ParticipantID string `json:"participant_id"`
	Bucket        string `json:"recording_s3_bucket_name"`
	Prefix        string `json:"recording_s3_key_prefix"`
	DurationMS    *int64 `json:"recording_duration_ms,omitempty"` // present, even when 0, once a recording ended
	ErrorCode     string `json:"error_code,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

func (r Recording) change(name string, at time.Time, duration *time.Duration, f Failure) Event {
	d := recordingDetail{r.SessionID, name, r.ParticipantID, r.Bucket, r.Prefix, nil, string(f.Code), f.Reason}
	if duration != nil {
		ms := duration.Milliseconds()
		d.DurationMS = &ms
	}
	return newEvent(RecordingChange, r.StageARN, r.StageARN, at, d)
}

// RecordingStarted tells that a publisher is being recorded.
func RecordingStarted(r Recording, at time.Time) Event {
	return r.change("Recording Start", at, nil, Failure{})
}

// RecordingEnded tells that a recording of this duration is complete, all its files written.
func RecordingEnded(r Recording, at time.Time, duration time.Duration) Event {
	return r.change("Recording End", at, &duration, Failure{})
}

// RecordingStartFailed tells that a publisher is not recorded.
func RecordingStartFailed(r Recording, at time.Time, why Failure) Event {
	return r.change("Recording Start Failure", at, nil, why)
}

// RecordingEndFailed tells that a recording ended with errors; some of its
// files may exist.
func RecordingEndFailed(r Recording, at time.Time, duration time.Duration, why Failure) Event {
	return r.change("Recording End Failure", at, &duration, why)
}
