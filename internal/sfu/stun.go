package sfu

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// STUN for an ICE-lite agent (RFC 8489, RFC 8445 §7.3): it receives binding requests, and
// answers success or role conflict.
const (
	stunHeader      = 20
	stunMagic       = 0x2112a442
	stunFingerprint = 0x5354554e
	maxSTUN         = 1500 // bytes; checks have about 120, and up to 1,036 with DTLS in them

	stunBindingRequest = 0x0001
	stunBindingSuccess = 0x0101
	stunBindingError   = 0x0111

	attrUsername       = 0x0006
	attrIntegrity      = 0x0008
	attrErrorCode      = 0x0009
	attrXORMapped      = 0x0020
	attrUseCandidate   = 0x0025
	attrFingerprint    = 0x8028
	attrICEControlled  = 0x8029
	attrICEControlling = 0x802a
	attrDTLS           = 0xc070
	attrDTLSAck        = 0xc071
)

// check is a connectivity check: a binding request whose integrity is not verified yet.
type check struct {
	ufrag          []byte // of this server
	peerUfrag      []byte
	useCandidate   bool
	peerControlled bool // the peer takes the controlled role, which an ICE-lite agent has
	dtls           embeddedDTLS

	message         []byte
	integrityOffset int // offset of the MESSAGE-INTEGRITY attribute
}

// parseCheck reads a binding request with a valid FINGERPRINT. The slices point into b.
func parseCheck(b []byte) (c check, ok bool) {
	if len(b) < stunHeader || len(b) > maxSTUN || len(b)%4 != 0 ||
		binary.BigEndian.Uint16(b) != stunBindingRequest ||
		binary.BigEndian.Uint32(b[4:]) != stunMagic ||
		int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return c, false
	}
	c.message = b
	fingerprint := false
	for at := stunHeader; at < len(b); {
		if len(b)-at < 4 || fingerprint { // FINGERPRINT is the last attribute
			return c, false
		}
		kind, n := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if n > len(b)-at-4 {
			return c, false
		}
		value := b[at+4 : at+4+n]
		switch {
		case kind == attrFingerprint:
			if n != 4 || binary.BigEndian.Uint32(value) != crc32.ChecksumIEEE(b[:at])^stunFingerprint {
				return c, false
			}
			fingerprint = true
		case c.integrityOffset != 0: // MESSAGE-INTEGRITY does not cover what follows it
		case kind == attrIntegrity:
			if n != sha1.Size {
				return c, false
			}
			c.integrityOffset = at
		case kind == attrUsername:
			c.ufrag, c.peerUfrag, _ = bytes.Cut(value, []byte{':'})
		case kind == attrUseCandidate:
			c.useCandidate = true
		case kind == attrICEControlled:
			c.peerControlled = true
		case kind == attrDTLS || kind == attrDTLSAck:
			c.dtls.read(kind, value)
		}
		at += 4 + (n+3)&^3
	}
	return c, fingerprint && c.integrityOffset != 0 && len(c.ufrag) > 0
}

// verify reports whether the check was made with a password. It allocates, so the user name
// is looked up first.
func (c check) verify(pwd string) bool {
	mac := hmac.New(sha1.New, []byte(pwd))
	var header [stunHeader]byte
	copy(header[:], c.message)
	// The length counts up to and with MESSAGE-INTEGRITY (RFC 8489 §14.5).
	binary.BigEndian.PutUint16(header[2:], uint16(c.integrityOffset-stunHeader+4+sha1.Size))
	mac.Write(header[:])
	mac.Write(c.message[stunHeader:c.integrityOffset])
	return hmac.Equal(mac.Sum(nil), c.message[c.integrityOffset+4:c.integrityOffset+4+sha1.Size])
}

// appendSuccess appends the success response to the check, with the peer's address and DTLS.
func (c check) appendSuccess(b []byte, from netip.AddrPort, pwd string, dtls embeddedDTLS) []byte {
	start := len(b)
	b = c.appendHeader(b, stunBindingSuccess)
	b = appendAttribute(b, attrXORMapped, xorAddress(from, c.message[4:stunHeader]))
	return finishSTUN(dtls.append(b), start, pwd)
}

// appendRoleConflict appends the 487 response, which makes a peer take the controlling role
// (RFC 8445 §7.3.1.1).
func (c check) appendRoleConflict(b []byte, pwd string) []byte {
	start := len(b)
	b = c.appendHeader(b, stunBindingError)
	b = appendAttribute(b, attrErrorCode, append([]byte{0, 0, 4, 87}, "Role Conflict"...))
	return finishSTUN(b, start, pwd)
}

func (c check) appendHeader(b []byte, kind uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, 0, 0)
	return append(b, c.message[4:stunHeader]...)
}

func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// finishSTUN adds integrity and fingerprint to the message that starts at start.
func finishSTUN(b []byte, start int, pwd string) []byte {
	m := b[start:]
	binary.BigEndian.PutUint16(m[2:], uint16(len(m)-stunHeader+4+sha1.Size))
	mac := hmac.New(sha1.New, []byte(pwd))
	mac.Write(m)
	b = appendAttribute(b, attrIntegrity, mac.Sum(nil))
	m = b[start:]
	binary.BigEndian.PutUint16(m[2:], uint16(len(m)-stunHeader+8))
	crc := crc32.ChecksumIEEE(m) ^ stunFingerprint
	return appendAttribute(b, attrFingerprint, binary.BigEndian.AppendUint32(nil, crc))
}

// setSTUNLength writes the length of a message without integrity.
func setSTUNLength(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

// xorAddress encodes an address as XOR-MAPPED-ADDRESS (RFC 8489 §14.2). mask is the magic
// cookie and the transaction id.
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

// plainAddress decodes what xorAddress writes. An IPv4-mapped IPv6 address stays one: it must
// not pass for the IPv4 address.
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
