package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// reportState is what a subscription reports, and what is reported about it.
type reportState struct {
	nextReportAt time.Duration
	sentReports  sentReports
	received     receiverReports
	selected     selectedLayer
}

// sentReports are the latest sender reports, to recognise them in receiver reports (RFC 3550 §6.4.1).
type sentReports [2]struct {
	ntpMiddle uint32
	sentAt    time.Duration
}

func (s *sentReports) record(ntp uint64, now time.Duration) {
	s[1] = s[0]
	s[0].ntpMiddle, s[0].sentAt = ntpMiddle(ntp), now
}

// roundTrip returns the round trip time that a report shows, false if it shows none.
func (s *sentReports) roundTrip(now time.Duration, r rtcp.ReceptionReport) (time.Duration, bool) {
	for _, sent := range s {
		if sent.ntpMiddle == r.LastSenderReport && sent.sentAt != 0 {
			return now - sent.sentAt - durationOfUnits(int64(r.Delay)), true
		}
	}
	return 0, false
}

// receiverReports is what the viewer reports.
type receiverReports struct {
	loss       float64 // share of packets, smoothed
	lost       uint32  // in total
	jitter     uint32  // timestamp units
	lastNumber uint32
}

// record returns the number of packets since the last report.
func (r *receiverReports) record(report rtcp.ReceptionReport) (packets int) {
	if r.lastNumber != 0 {
		packets = int(int32(report.LastSequenceNumber - r.lastNumber))
	}
	r.loss += (float64(report.FractionLost)/256 - r.loss) / 2
	r.lost, r.jitter, r.lastNumber = report.TotalLost, report.Jitter, report.LastSequenceNumber
	return packets
}

// selectedLayer is what the latest LayerSelected said.
type selectedLayer struct {
	reported bool
	layer    int8
	reason   PauseReason
}
