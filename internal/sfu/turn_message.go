package sfu

import (
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Message types of TURN (RFC 8656 §17, §18): method and class in one number.
const (
	turnAllocate         = 0x0003
	turnRefresh          = 0x0004
	turnCreatePermission = 0x0008
	turnChannelBind      = 0x0009
	turnConnect          = 0x000a // RFC 6062: rejected
	turnSend             = 0x0016 // indication
	turnData             = 0x0017 // indication
	classSuccess         = 0x0100
	classError           = 0x0110

	attrChannelNumber    = 0x000c
	attrLifetime         = 0x000d
	attrXORPeer          = 0x0012
	attrData             = 0x0013
	attrRealm            = 0x0014
	attrNonce            = 0x0015
	attrXORRelayed       = 0x0016
	attrRequestedFamily  = 0x0017
	attrEvenPort         = 0x0018
	attrRequestedTraffic = 0x0019
	attrDontFragment     = 0x001a
	attrUnknown          = 0x000a

	minChannel, maxChannel = 0x4000, 0x4fff
	maxTURN                = maxDatagram
	maxTURNPeers           = 16 // addresses in one CreatePermission

	turnLifetime    = 10 * time.Minute // RFC 8656 §3.2
	turnMaxLifetime = time.Hour
)

// turnRequest is a STUN message of TURN, or a plain binding request. Its integrity is not
// verified yet. The slices point into the message.
type turnRequest struct {
	check    // message and integrity, for verify
	kind     uint16
	username []byte
	realm    []byte
	nonce    []byte
	data     []byte
	peers    []netip.AddrPort
	channel  uint16
	lifetime int64  // seconds, -1 if absent
	traffic  byte   // protocol number of REQUESTED-TRANSPORT, 0 if absent
	family   byte   // 1 and 2 as in addresses, 0 if absent
	unknown  uint16 // a comprehension-required attribute that is unknown, 0 if none
}

// parseTURN reads one message. It ignores what follows the integrity attribute, which does not
// cover it.
func parseTURN(b []byte) (r turnRequest, ok bool) {
	if len(b) < stunHeader || len(b) > maxTURN || len(b)%4 != 0 || b[0]&0xc0 != 0 ||
		binary.BigEndian.Uint32(b[4:]) != stunMagic || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return r, false
	}
	r.message, r.kind, r.lifetime = b, binary.BigEndian.Uint16(b), -1
	for at := stunHeader; at < len(b); {
		if len(b)-at < 4 {
			return r, false
		}
		kind, n := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if n > len(b)-at-4 {
			return r, false
		}
		value := b[at+4 : at+4+n]
		switch {
		case kind == attrFingerprint:
			return r, n == 4 && at+8 == len(b) && binary.BigEndian.Uint32(value) == crc32.ChecksumIEEE(b[:at])^stunFingerprint
		case r.integrityOffset != 0:
		case kind == attrIntegrity:
			if n != sha1.Size {
				return r, false
			}
			r.integrityOffset = at
		case !r.setAttribute(kind, value):
			return r, false
		}
		at += 4 + (n+3)&^3
	}
	return r, true
}

// setAttribute records one attribute. It reports false if it is malformed.
func (r *turnRequest) setAttribute(kind uint16, value []byte) bool {
	number := func(n int) uint32 { // a value of n bytes
		if len(value) != n {
			return 0
		}
		return binary.BigEndian.Uint32(value)
	}
	switch kind {
	case attrUsername:
		r.username = value
	case attrRealm:
		r.realm = value
	case attrNonce:
		r.nonce = value
	case attrData:
		r.data = value
	case attrChannelNumber:
		r.channel = uint16(number(4) >> 16)
		return len(value) == 4
	case attrLifetime:
		r.lifetime = int64(number(4))
		return len(value) == 4
	case attrRequestedTraffic:
		r.traffic = byte(number(4) >> 24)
		return len(value) == 4
	case attrRequestedFamily:
		r.family = byte(number(4) >> 24)
		return len(value) == 4
	case attrXORPeer:
		peer, ok := plainAddress(value, r.message[4:stunHeader])
		if !ok || len(r.peers) == maxTURNPeers {
			return false
		}
		r.peers = append(r.peers, peer)
	case attrDontFragment, attrEvenPort: // they concern the network between relay and peer, which does not exist here
	default:
		if kind < 0x8000 && r.unknown == 0 {
			r.unknown = kind
		}
	}
	return true
}

// reply appends the header of a response of a class.
func (r *turnRequest) reply(b []byte, class uint16) []byte { return r.appendHeader(b, r.kind|class) }

// appendError appends the header of an error response. It has no reason phrase, because a short
// response cannot be used for amplification.
func (r *turnRequest) appendError(code int) []byte {
	return appendAttribute(r.reply(nil, classError), attrErrorCode, []byte{0, 0, byte(code / 100), byte(code % 100)})
}

// grantedLifetime returns the lifetime to grant (RFC 8656 §7.2).
func (r *turnRequest) grantedLifetime() time.Duration {
	return min(max(time.Duration(r.lifetime)*time.Second, turnLifetime), turnMaxLifetime)
}

func appendLifetime(b []byte, d time.Duration) []byte {
	return appendAttribute(b, attrLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second)))
}

// parseChannelData reads the header of a ChannelData message (RFC 8656 §12.4), which may be
// padded over UDP.
func parseChannelData(b []byte) (channel uint16, payload []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	channel = binary.BigEndian.Uint16(b)
	n := int(binary.BigEndian.Uint16(b[2:]))
	if channel < minChannel || channel > maxChannel || n > len(b)-4 || len(b)-4 > (n+3)&^3 {
		return 0, nil, false
	}
	return channel, b[4 : 4+n], true
}

func appendChannelData(b []byte, channel uint16, payload []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

// appendDataIndication appends a payload for a client that has bound no channel to the peer.
func appendDataIndication(b []byte, peer netip.AddrPort, payload []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, turnData)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, stunMagic)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	b = binary.BigEndian.AppendUint32(b, rand.Uint32())
	b = appendAttribute(b, attrXORPeer, xorAddress(peer, b[4:stunHeader]))
	return setSTUNLength(appendAttribute(b, attrData, payload))
}
