package stage

import (
	"time"

	"rostrum/ivsrealtime"
)

// This file has the longest duration of connections.

// limitDuration ends a connection after the longest duration.
func (s *Session) limitDuration(c *Connection) {
	limit := s.durationOf(c)
	if limit == 0 || c.durationTimer != nil {
		return
	}
	c.endsAt = time.Now().Add(limit)
	c.durationTimer = s.postAfter(limit, func() {
		if c.ended {
			return
		}
		if c.publisher != nil {
			s.publishFailed(c, ivsrealtime.ErrorStreamDurationExceeded)
			return
		}
		s.recordEvent(c.owner.id, ivsrealtime.Event{
			Name: ivsrealtime.EventSubscribeError, EventTime: timestamp(), RemoteParticipantID: c.remote, ErrorCode: ivsrealtime.ErrorStreamDurationExceeded,
		})
		s.closeConnection(c, string(ivsrealtime.ErrorStreamDurationExceeded))
	})
}

// staggerGap is the part of the longest duration by which the timeouts of two encoders of one
// ingest configuration differ: when one must begin anew, the other goes on.
const staggerGap = 8

// durationOf returns the longest duration of a connection, 0 for no limit.
func (s *Session) durationOf(c *Connection) time.Duration {
	limit := s.registry.cfg.Limits.ConnectionDuration
	if c.virtual == nil || limit == 0 {
		return limit
	}
	gap := limit / staggerGap
	if v := s.participants[c.virtual.ParticipantID]; v != nil && v.redundant != nil {
		for other := range v.redundant.sources {
			if left := time.Until(other.endsAt); other.owner != c.owner && limit-left < gap {
				return left - gap
			}
		}
	}
	return limit
}
