package sfu

import (
	"time"

	"rostrum/internal/media"
)

// publisherReceive is what a publisher's shard needs to receive its packets.
type publisherReceive struct {
	sourceTable
	slab       slab
	audioBurst []media.Packet // of the open burst
	burstOpen  bool           // the burst is in the shard's list

	twcc            twccRecorder
	receiveEstimate receiveEstimator
	schedule        publisherSchedule
	reported        publisherReported
}

// publisherSchedule says when a publisher's periodic work is next due.
type publisherSchedule struct {
	feedback, survey, report time.Duration
	nacks                    []uint64 // scratch space
	senderReports            []receivedReport
}

// receivedReport is a received sender report, for the next receiver report (RFC 3550 §6.4.1).
type receivedReport struct {
	ssrc, ntpMiddle uint32
	arrivedAt       time.Duration
}

func (c *publisherSchedule) recordSenderReport(ssrc, ntpMiddle uint32, now time.Duration) {
	for i := range c.senderReports {
		if c.senderReports[i].ssrc == ssrc {
			c.senderReports[i] = receivedReport{ssrc, ntpMiddle, now}
			return
		}
	}
	if len(c.senderReports) < maxSources {
		c.senderReports = append(c.senderReports, receivedReport{ssrc, ntpMiddle, now})
	}
}

// publisherReported is what events have reported of a publisher.
type publisherReported struct {
	started          [2]bool // MediaStarted, by media.Kind
	width, height    int     // of LimitExceeded
	overLimitSurveys int     // in a row
	overLimit        bool    // LimitExceeded was sent for the bitrate
}
