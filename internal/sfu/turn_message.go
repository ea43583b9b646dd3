package sfu

import (
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// STUN messages of TURN (RFC 8656 §17, §18): method and class in one number.
const (
	turnAllocate         = 0x0003
	turnRefresh          = 0x0004
	turnCreatePermission = 0x0008
	turnChannelBind      = 0x0009
	turnConnect          = 0x000a // RFC 6062: refused
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
)

// A turnRequest is a STUN message of TURN, or a plain binding request. Its integrity is still
// to be verified. The slices point into the message.
type turnRequest struct {
	check    // message and integrity, for verify
	kind     uint16
	username []byte
	realm    []byte
	nonce    []byte
	data     []byte
	peers    []netip.AddrPort
	channel  uint16
	lifetime int64  // seconds, -1 when absent
	traffic  byte   // protocol number of REQUESTED-TRANSPORT, 0 when absent
	family   byte   // 1 and 2 as in addresses, 0 when absent
	unknown  uint16 // an attribute that must be understood and isn't
}

// maxTURNPeers bounds the addresses in one CreatePermission.
const maxTURNPeers = 16

// parseTURN reads one message; what follows its integrity is left out, for nothing covers it.
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

// take notes one attribute; false when it is damaged.
func (r *turnRequest) setAttribute(kind uint16, value []byte) bool {
	number := func(n int) uint32 { // the first of n bytes, which are in network order
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
	case attrDontFragment, attrEvenPort: // wishes about a network that relayed packets never see
	default:
		if kind < 0x8000 && r.unknown == 0 {
			r.unknown = kind
		}
	}
	return true
}

// reply appends the head of an answer of a class.
func (r *turnRequest) reply(b []byte, class uint16) []byte { return r.appendHeader(b, r.kind|class) }

// xorAddress writes an address as STUN does (RFC 8489 §14.2); mask is the magic cookie with
// the transaction id.
func xorAddress(a netip.AddrPort, mask []byte) []byte {
	value := make([]byte, 4, 20)
	value[1] = 1
	binary.BigEndian.PutUint16(value[2:], a.Port()^stunMagic>>16)
	addr := a.Addr().Unmap()
	if addr.Is4() {
		raw := addr.As4()
		value = append(value, raw[:]...)
	} else {
		value[1] = 2
		raw := addr.As16()
		value = append(value, raw[:]...)
	}
	for i := range value[4:] {
		value[4+i] ^= mask[i]
	}
	return value
}

// plainAddress reads what xorAddress writes. An IPv4 address that comes as IPv6 stays one:
// it mustn't pass for the plain one.
func plainAddress(value, mask []byte) (netip.AddrPort, bool) {
	if len(value) != 8 && len(value) != 20 || value[1] != 1 && value[1] != 2 || (value[1] == 1) != (len(value) == 8) {
		return netip.AddrPort{}, false
	}
	raw := append([]byte(nil), value[4:]...)
	for i := range raw {
		raw[i] ^= mask[i]
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(value[2:])^stunMagic>>16), ok
}
