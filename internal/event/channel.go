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
	return occurred(StreamChange, c.ARN, c.ARN, at, channelDetail{name, c.Name, c.StreamID, reason})
}

func (c Channel) health(name string, at time.Time) Event {
	return occurred(StreamHealthChange, c.ARN, c.ARN, at, channelDetail{name, c.Name, c.StreamID, ""})
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
