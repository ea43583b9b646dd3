package sfu

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/pion/rtcp"
)

// receive takes what isn't STUN from the peer (RFC 7983 §7).
func (t *Transport) receive(s *shard, b []byte) {
	switch {
	case t.ended.Load():
	case b[0] >= 20 && b[0] < 64:
		if !t.dtlsConn.deliver(b) {
			s.drops[TooEarly]++
		}
	case b[0] < 128 || b[0] > 191 || len(b) < 12:
		s.drops[Malformed]++
	case !t.mediaReady:
		// The peer may be done with the handshake a moment before our keys are installed.
		if len(t.earlyPackets) < maxEarlyPackets {
			t.earlyPackets = append(t.earlyPackets, earlyPacket{s.now, append([]byte(nil), b...)})
		} else {
			s.drops[TooEarly]++
		}
	case b[1] >= 192 && b[1] <= 223: // RFC 5761 §4
		t.receiveRTCP(s, b)
	case t.publisher != nil:
		t.publisher.receive(s, b)
	default:
		s.drops[UnknownSource]++ // viewers send no media
	}
}

// heard notes that something authentic came.
func (t *Transport) recordAuthenticated(s *shard, n int) {
	t.lastReceived = s.now
	t.bytesIn += uint64(n)
	if len(t.checkedRoutes) > 0 {
		t.switchIfProved(s)
	}
	if t.publisher != nil {
		// To a publisher we send only feedback, and some encoders make no checks once they
		// send: their media, which nobody else can seal, is consent enough.
		t.lastConsent = s.now
	}
}

// refusal tells why a packet couldn't be opened.
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
			continue
		}
		if t.publisher != nil {
			t.publisher.receiveRTCP(s, p)
		} else {
			t.subscriber.receiveRTCP(s, p)
		}
	}
}

// maxRTCP bounds the packets in one compound.
const maxCompoundPackets = 32

var errMalformedRTCP = errors.New("damaged RTCP")

// unmarshalRTCP reads a compound packet, also one of reduced size (RFC 5506). What it can't
// read inside a well-formed frame is passed over. It never panics.
func unmarshalRTCP(b []byte) (packets []rtcp.Packet, err error) {
	defer func() {
		if recover() != nil { // a fault in the parser mustn't be the peer's to trigger
			packets, err = nil, errMalformedRTCP
		}
	}()
	for len(b) > 0 {
		if len(b) < 4 || len(packets) == maxCompoundPackets {
			return nil, errMalformedRTCP
		}
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return nil, errMalformedRTCP
		}
		if one, err := rtcp.Unmarshal(b[:n]); err == nil {
			packets = append(packets, one...)
		}
		b = b[n:]
	}
	return packets, nil
}

// receiveXR answers a receiver's reference time with the delay since, so that it learns its
// round trip (RFC 3611 §4.4, §4.5), and learns ours from such an answer.
func (t *Transport) receiveXR(s *shard, x *rtcp.ExtendedReport) {
	for _, block := range x.Reports {
		switch r := block.(type) {
		case *rtcp.ReceiverReferenceTimeReportBlock:
			answer := rtcp.ExtendedReport{SenderSSRC: t.localSSRC(), Reports: []rtcp.ReportBlock{
				&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: x.SenderSSRC, LastRR: uint32(r.NTPTimestamp >> 16), DLRR: 0}}},
			}}
			if b, err := rtcp.Marshal(t.compound(s, &answer)); err == nil {
				t.sendRTCP(s, b)
			}
		case *rtcp.DLRRReportBlock:
			for _, d := range r.Reports {
				if d.SSRC == t.localSSRC() {
					// The echo is in 1/65536 s of our own clock.
					units := int32(uint32(ntpTime(s.engine.unixNano(s.now))>>16) - d.LastRR - d.DLRR)
					t.updateRoundTrip(time.Duration(units) * time.Second / 65536)
				}
			}
		}
	}
}

// measure takes one sample of the round trip, in nanoseconds.
func (t *Transport) updateRoundTrip(rtt time.Duration) {
	if rtt < 0 || rtt > 10e9 {
		return
	}
	if t.roundTrip == 0 {
		t.roundTrip = rtt
	}
	t.roundTrip += (rtt - t.roundTrip) / 4
}

// ownSSRC is what we call ourselves in RTCP.
func (t *Transport) localSSRC() uint32 {
	if t.subscriber != nil {
		return t.subscriber.ssrc()
	}
	return 1
}

// compound puts what RFC 3550 §6.1 wants in front.
func (t *Transport) compound(s *shard, p ...rtcp.Packet) []rtcp.Packet {
	return append([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: t.localSSRC()},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: t.localSSRC(), Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "rostrum"}},
		}}},
	}, p...)
}

const ntpEpoch = 2208988800 // seconds from 1900 to 1970

// ntpTime turns Unix nanoseconds into an NTP timestamp (RFC 3550 §4).
func ntpTime(unix int64) uint64 {
	seconds, rest := uint64(unix/1e9)+ntpEpoch, uint64(unix%1e9)
	return seconds<<32 | rest<<32/1e9
}

// unixTime turns an NTP timestamp into Unix nanoseconds.
func unixTime(ntp uint64) int64 {
	return (int64(ntp>>32)-ntpEpoch)*1e9 + int64(ntp&0xffffffff*1e9>>32)
}
