package sfu

import (
	"strings"

	"github.com/pion/rtcp"
)

// receive handles what is not STUN (RFC 7983 §7).
func (t *Transport) receive(s *shard, b []byte) {
	switch {
	case t.ended.Load():
	case b[0] >= 20 && b[0] < 64:
		via := t.arrivalRoute(s)
		t.repeatACK(s, b, via)
		if !t.dtlsConn.deliver(b, via) {
			s.drops[TooEarly]++
		}
		t.resumeDTLS()
	case b[0] < 128 || b[0] > 191 || len(b) < 12:
		s.drops[Malformed]++
	case !t.mediaReady || t.unproved:
		// The peer may complete the handshake a moment before the keys are known here.
		if !t.early.add(s, b) {
			s.drops[TooEarly]++
		}
	case b[1] >= 192 && b[1] <= 223: // RFC 5761 §4
		t.receiveRTCP(s, b)
	default:
		t.owner.receiveMedia(s, b)
	}
}

// recordAuthenticated records that an authentic packet of n bytes arrived.
func (t *Transport) recordAuthenticated(s *shard, n int) {
	t.lastReceived = s.now
	t.bytesIn += uint64(n)
	if !t.peerKeyed.Load() {
		t.peerKeyed.Store(true)
	}
	if len(t.checkedRoutes) > 0 {
		t.switchIfProved(s)
	}
	if t.owner.sendsMedia() {
		// A publisher is sent only feedback, and some encoders make no more checks once they
		// send. Their media, which nobody else can encrypt, counts as consent.
		t.lastConsent = s.now
	}
}

// decryptDrop says why a packet could not be decrypted.
func decryptDrop(err error) Drop {
	if strings.Contains(err.Error(), "duplicated") {
		return Replayed
	}
	return Forged
}

func (t *Transport) receiveRTCP(s *shard, b []byte) {
	plain, err := t.decrypter.DecryptRTCP(nil, b, nil)
	if err != nil {
		s.drops[decryptDrop(err)]++
		return
	}
	t.recordAuthenticated(s, len(b))
	packets, err := unmarshalRTCP(plain)
	if err != nil {
		s.drops[Malformed]++
		return
	}
	for _, p := range packets {
		if x, ok := p.(*rtcp.ExtendedReport); ok {
			t.receiveXR(s, x)
		} else {
			t.owner.receiveRTCP(s, p)
		}
	}
}

// receiveXR answers a receiver reference time, so that the receiver can measure its round trip
// time (RFC 3611 §4.4, §4.5), and measures the round trip time from such an answer.
func (t *Transport) receiveXR(s *shard, x *rtcp.ExtendedReport) {
	for _, block := range x.Reports {
		switch r := block.(type) {
		case *rtcp.ReceiverReferenceTimeReportBlock:
			t.sendCompound(s, &rtcp.ExtendedReport{SenderSSRC: t.owner.localSSRC(), Reports: []rtcp.ReportBlock{
				&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: x.SenderSSRC, LastRR: ntpMiddle(r.NTPTimestamp), DLRR: 0}}},
			}})
		case *rtcp.DLRRReportBlock:
			for _, d := range r.Reports {
				if d.SSRC == t.owner.localSSRC() {
					units := int32(ntpMiddle(ntpTime(s.core.unixNano(s.now))) - d.LastRR - d.DLRR)
					t.updateRoundTrip(durationOfUnits(int64(units)))
				}
			}
		}
	}
}

// sendCompound sends packets in a compound packet with an empty receiver report.
func (t *Transport) sendCompound(s *shard, packets ...rtcp.Packet) {
	t.sendPackets(s, compoundRTCP(t.owner.localSSRC(), nil, packets...))
}

// sendPackets sends a complete compound packet.
func (t *Transport) sendPackets(s *shard, packets []rtcp.Packet) {
	if b, err := rtcp.Marshal(packets); err == nil {
		t.sendRTCP(s, b)
	}
}

// sendRTCP encrypts and sends one compound packet. It reuses b.
func (t *Transport) sendRTCP(s *shard, b []byte) {
	r := t.sendRoute(s)
	if r == nil || len(b) == 0 {
		return
	}
	encrypted, err := t.encrypter.encryptRTCP(b)
	if err != nil {
		return
	}
	t.bytesOut += uint64(len(encrypted))
	refused, why := r.send(s.socket, encrypted, len(encrypted))
	s.drops[why] += uint64(refused)
}
