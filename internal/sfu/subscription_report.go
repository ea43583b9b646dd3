package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

const (
	firstReportDelay     = 50 * time.Millisecond
	senderReportInterval = time.Second
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

// reportSelected sends LayerSelected if another layer flows than before.
func (u *Subscription) reportSelected() {
	f := &u.forwarder
	now := selectedLayer{true, f.current, NotPaused}
	if f.current == NoLayer {
		now.reason = *u.reason.Load()
		if f.target != NoLayer {
			return // about to start
		}
	}
	if u.selected != now {
		u.selected = now
		u.subscriber.transport.emit(LayerSelected{
			Kind: u.track.kind, Layer: u.track.label(f.current), Paused: f.current == NoLayer, Reason: now.reason,
		})
	}
}

// sendSenderReport relates the outgoing timestamps to the publisher's clock, so that audio and
// video stay in sync whichever layer flows (RFC 3550 §6.4.1).
func (u *Subscription) sendSenderReport(sh *shard) {
	f := &u.forwarder
	if !f.started || f.current == NoLayer {
		return
	}
	u.nextReportAt = sh.now + senderReportInterval
	run := *f.mappings.current()
	run.compressed = false
	unixNano, timestamp, ok := u.track.layers[f.current].clockNow(sh.now)
	if !ok {
		return
	}
	ntp := ntpTime(unixNano)
	u.sentReports.record(ntp, sh.now)
	b := sh.scratch[:0]
	b = append(b, 0x80, 200, 0, 6)
	b = binary.BigEndian.AppendUint32(b, u.track.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = binary.BigEndian.AppendUint32(b, run.timestamp(timestamp))
	b = binary.BigEndian.AppendUint32(b, u.counts.senderPackets)
	b = binary.BigEndian.AppendUint32(b, u.counts.senderOctets)
	u.subscriber.transport.sendRTCP(sh, appendCNAME(b, u.track.ssrc, u.track.publisher.stream)) // as in the answer: one CNAME for audio and video
}

// appendCNAME appends a source description (RFC 3550 §6.5).
func appendCNAME(b []byte, ssrc uint32, name string) []byte {
	start := len(b)
	b = append(b, 0x81, 202, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, 1, byte(len(name)))
	b = append(b, name...)
	b = append(b, 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
	return b
}
