package sfu

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/pion/rtcp"
)

// maxCompoundPackets bounds the packets in one compound packet.
const maxCompoundPackets = 32

var errMalformedRTCP = errors.New("malformed RTCP")

// unmarshalRTCP reads a compound packet, also one of reduced size (RFC 5506). It skips packets
// that it cannot read inside a well-formed frame. It never panics.
func unmarshalRTCP(b []byte) (packets []rtcp.Packet, err error) {
	defer func() {
		if recover() != nil { // a fault in the parser must not end the process
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
		if one, err := rtcp.Unmarshal(withoutPadding(b[:n])); err == nil {
			packets = append(packets, one...)
		}
		b = b[n:]
	}
	return packets, nil
}

// withoutPadding takes off the padding that a packet's last byte counts (RFC 3550 §6.4.1). The
// parser does so itself only for transport-wide reports, whose padding may be of one to three
// bytes; it reads that of a NACK as further lost packets, and refuses that of other packets.
func withoutPadding(packet []byte) []byte {
	const padded, transportWide = 1 << 5, 15
	if packet[0]&padded == 0 ||
		packet[0]&0x1f == transportWide && packet[1] == uint8(rtcp.TypeTransportSpecificFeedback) {
		return packet
	}
	padding := int(packet[len(packet)-1])
	if padding == 0 || padding%4 != 0 || padding > len(packet)-4 {
		return packet
	}
	packet = slices.Clone(packet[:len(packet)-padding])
	packet[0] &^= padded
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)/4-1))
	return packet
}

// compoundRTCP returns a compound packet: what RFC 3550 §6.1 requires first, then the packets.
func compoundRTCP(ssrc uint32, reports []rtcp.ReceptionReport, packets ...rtcp.Packet) []rtcp.Packet {
	return append([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: ssrc, Reports: reports},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "rostrum"}},
		}}},
	}, packets...)
}

// nackPairs packs ascending sequence numbers, which it translates to the publisher's by an
// offset (RFC 4585 §6.2.1).
func nackPairs(numbers []uint64, offset uint16) []rtcp.NackPair {
	var pairs []rtcp.NackPair
	for _, n := range numbers {
		id := uint16(n) - offset
		if k := len(pairs) - 1; k >= 0 {
			if d := id - pairs[k].PacketID; d >= 1 && d <= 16 {
				pairs[k].LostPackets |= 1 << (d - 1)
				continue
			}
		}
		pairs = append(pairs, rtcp.NackPair{PacketID: id})
	}
	return pairs
}

// forEachStatus calls f with the status of each packet of a transport-wide report.
func forEachStatus(r *rtcp.TransportLayerCC, f func(symbol uint16)) {
	left := int(r.PacketStatusCount)
	for _, chunk := range r.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range min(int(c.RunLength), left) {
				f(c.PacketStatusSymbol)
			}
			left -= min(int(c.RunLength), left)
		case *rtcp.StatusVectorChunk:
			for _, symbol := range c.SymbolList[:min(len(c.SymbolList), left)] {
				f(symbol)
			}
			left -= min(len(c.SymbolList), left)
		}
	}
}

const ntpEpoch = 2208988800 // seconds from 1900 to 1970

// ntpTime converts Unix nanoseconds to an NTP timestamp (RFC 3550 §4).
func ntpTime(unixNano int64) uint64 {
	seconds, rest := uint64(unixNano/1e9)+ntpEpoch, uint64(unixNano%1e9)
	return seconds<<32 | rest<<32/1e9
}

// unixTime converts an NTP timestamp to Unix nanoseconds.
func unixTime(ntp uint64) int64 {
	return (int64(ntp>>32)-ntpEpoch)*1e9 + int64(ntp&0xffffffff*1e9>>32)
}

// ntpMiddle returns the middle 32 bits of an NTP timestamp (RFC 3550 §4).
func ntpMiddle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// ntpUnits converts a duration to units of 1/65536 s, those of the middle 32 bits.
func ntpUnits(d time.Duration) uint32 { return uint32(d * 65536 / time.Second) }

// durationOfUnits is the opposite of ntpUnits.
func durationOfUnits(units int64) time.Duration { return time.Duration(units) * time.Second / 65536 }
