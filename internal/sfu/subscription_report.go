package sfu

import (
	"encoding/binary"
	"time"
)

const (
	firstReportDelay     = 50 * time.Millisecond
	senderReportInterval = time.Second
)

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
