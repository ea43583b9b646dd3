package event

import "time"

// A Channel is which channel, and which of its streams, an event is about.
type Channel struct {
	ARN      string
	Name     string
	StreamID string
}

// channelDetail has no event_time: the service's doesn't.
type channelDetail struct {
	Name        string `json:"event_name"`
	ChannelName string `json:"channel_name"`
	StreamID    string `json:"stream_id"`
	Reason      string `json:"reason,omitempty"`
}

func (c Channel) change(name string, at time.Time, reason string) Event {
	return newEvent(StreamChange, c.ARN, c.ARN, at, channelDetail{name, c.Name, c.StreamID, reason})
}

func (c Channel) health(name string, at time.Time) Event {
	return newEvent(StreamHealthChange, c.ARN, c.ARN, at, channelDetail{name, c.Name, c.StreamID, ""})
}

// StreamSessionCreated tells that an encoder with the channel's key is connected.
func StreamSessionCreated(c Channel, at time.Time) Event { return c.change("Session Created", at, "") }

// StreamStarted tells that the channel can be watched.
func StreamStarted(c Channel, at time.Time) Event { return c.change("Stream Start", at, "") }

// StreamEnded tells that the channel shows no more.
func StreamEnded(c Channel, at time.Time) Event { return c.change("Stream End", at, "") }

// StreamFailed tells that what an encoder sends can't be shown.
func StreamFailed(c Channel, at time.Time, reason string) Event {
	return c.change("Stream Failure", at, reason)
}

// StreamSessionEnded tells that the encoder is gone.
func StreamSessionEnded(c Channel, at time.Time) Event { return c.change("Session Ended", at, "") }

// StarvationStarted tells that no picture has come for some seconds.
func StarvationStarted(c Channel, at time.Time) Event { return c.health("Starvation Start", at) }

// StarvationEnded tells that pictures come again.
func StarvationEnded(c Channel, at time.Time) Event { return c.health("Starvation End", at) }

// limitDetail has no event_name: the service's doesn't.
type limitDetail struct {
	Limit       string `json:"limit_name"`
	Value       int64  `json:"limit_value"`
	Exceeded    int64  `json:"exceeded_by"`
	Unit        string `json:"limit_unit"`
	ChannelName string `json:"channel_name,omitempty"`
	StreamID    string `json:"stream_id,omitempty"`
}

// BroadcastsExceeded tells that an encoder was refused because as many streams of
// the channel's account as may be are live. It is about the account, not the channel.
func BroadcastsExceeded(c Channel, at time.Time, limit int) Event {
	e := newEvent(LimitBreach, c.ARN, c.ARN, at, limitDetail{Limit: "Concurrent Broadcasts", Value: int64(limit), Exceeded: 1, Unit: "Count"})
	e.Resource = ""
	return e
}

// IngestBitrateExceeded tells that an encoder was dropped for sending more bits a
// second than it may.
func IngestBitrateExceeded(c Channel, at time.Time, bitrate, limit int64) Event {
	return c.exceeds("Ingest Bitrate", "Bits/Second", bitrate, limit, at)
}

// IngestResolutionExceeded tells that an encoder was dropped for sending pictures of
// more pixels than it may.
func IngestResolutionExceeded(c Channel, at time.Time, pixels, limit int) Event {
	return c.exceeds("Ingest Resolution", "Pixels", int64(pixels), int64(limit), at)
}

func (c Channel) exceeds(name, unit string, seen, limit int64, at time.Time) Event {
	return newEvent(LimitBreach, c.ARN, c.ARN, at, limitDetail{name, limit, seen - limit, unit, c.Name, c.StreamID})
}
