package sfu

import "time"

// timeline relates the timestamps of a layer to the publisher's clock (RFC 3550 §6.4.1).
type timeline struct {
	unixNano  int64 // publisher's clock
	timestamp uint32
	arrivedAt time.Duration // when the report arrived
	clockRate int64
}

// captureTime returns when a timestamp was sampled, in Unix nanoseconds of the publisher's clock.
func (t *timeline) captureTime(timestamp uint32) int64 {
	return t.unixNano + int64(int32(timestamp-t.timestamp))*1e9/t.clockRate
}

// at returns the timestamp at a time after the report.
func (t *timeline) at(now time.Duration) uint32 {
	return t.timestamp + uint32(int64(now-t.arrivedAt)*t.clockRate/1e9)
}
