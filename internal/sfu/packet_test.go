package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v3"
)

// newCheck is a binding request of another implementation.
func newCheck(t testing.TB, user, pwd string, more ...stun.Setter) []byte {
	t.Helper()
	setters := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}, more...)
	setters = append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func TestCheck_IsCompatibleWithPion(t *testing.T) {
	const pwd = "a-password-of-24-letters"
	raw := newCheck(t, "ours:theirs", pwd, stun.RawAttribute{Type: stun.AttrUseCandidate})
	c, ok := parseCheck(raw)
	if !ok || string(c.ufrag) != "ours" || string(c.peerUfrag) != "theirs" || !c.useCandidate || c.peerControlled {
		t.Fatalf("read %+v, %v", c, ok)
	}
	if !c.verify(pwd) || c.verify(pwd+"x") {
		t.Fatal("integrity is verified wrongly")
	}
	for _, from := range []string{"192.0.2.7:4242", "[2001:db8::7]:4242"} {
		reply := c.appendSuccess(nil, netip.MustParseAddrPort(from), pwd, embeddedDTLS{})
		m := &stun.Message{Raw: reply}
		if err := m.Decode(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(stun.Fingerprint.Check(m), stun.NewShortTermIntegrity(pwd).Check(m)); err != nil {
			t.Errorf("the response is invalid: %v", err)
		}
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(m); err != nil || m.Type != stun.BindingSuccess {
			t.Fatalf("%v, %v", m.Type, err)
		}
		if got := netip.AddrPortFrom(netip.MustParseAddr(mapped.IP.String()), uint16(mapped.Port)); got.String() != from {
			t.Errorf("mapped address %s, want %s", got, from)
		}
		if len(reply) > len(raw)*2 {
			t.Errorf("%d bytes answer %d: an amplification", len(reply), len(raw))
		}
	}
	var code stun.ErrorCodeAttribute
	m := &stun.Message{Raw: c.appendRoleConflict(nil, pwd)}
	if err := errors.Join(m.Decode(), code.GetFrom(m)); err != nil || code.Code != stun.CodeRoleConflict {
		t.Errorf("role conflict: %v, %v", code, err)
	}
}

func TestCheck_RejectsMalformedMessages(t *testing.T) {
	good := newCheck(t, "ours:theirs", "pwd")
	damaged := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	noPrint, _ := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.NewShortTermIntegrity("pwd"))
	noIntegrity, _ := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.Fingerprint)
	for name, b := range map[string][]byte{
		"one byte":                    {0},
		"nothing":                     {},
		"no fingerprint":              noPrint.Raw,
		"no integrity":                noIntegrity.Raw,
		"a flipped bit":               damaged(func(b []byte) []byte { b[25] ^= 1; return b }),
		"cut short":                   good[:len(good)-4],
		"a wrong length":              damaged(func(b []byte) []byte { b[3] += 4; return b }),
		"an attribute beyond the end": damaged(func(b []byte) []byte { binary.BigEndian.PutUint16(b[22:], 0xfff0); return b }),
		"a response":                  damaged(func(b []byte) []byte { b[0] = 1; return b }),
		"a large message":             append(bytes.Clone(good), make([]byte, 4096)...),
		"another magic cookie":        damaged(func(b []byte) []byte { b[4] ^= 0xff; return b }),
	} {
		if _, ok := parseCheck(b); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(newCheck(f, "ours:theirs", "pwd"))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseCheck(b); ok {
			c.verify("pwd")
			c.appendSuccess(nil, netip.MustParseAddrPort("192.0.2.1:1"), "pwd", c.dtls)
		}
	})
}

func TestParseRTP_RejectsInvalidLengths(t *testing.T) {
	head := func(first byte, rest ...byte) []byte {
		return append([]byte{first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, rest...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
		body string
	}{
		{"plain", head(0x80, 'a', 'b'), true, "ab"},
		{"empty", head(0x80), true, ""},
		{"padding", head(0xa0, 'a', 0, 2), true, "a"},
		{"only padding", head(0xa0, 0, 0, 3), true, ""},
		{"padding longer than the payload", head(0xa0, 'a', 'b', 9), false, ""},
		{"padding of length 0", head(0xa0, 'a', 0), false, ""},
		{"missing CSRCs", head(0x8f, 'a'), false, ""},
		{"a CSRC", head(0x81, 1, 2, 3, 4, 'a'), true, "a"},
		{"an extension that overruns", head(0x90, 0xbe, 0xde, 0, 9, 1, 2, 3, 4), false, ""},
		{"an extension without length", head(0x90, 0xbe), false, ""},
		{"an extension", head(0x90, 0xbe, 0xde, 0, 1, 0x51, 7, 8, 0, 'a'), true, "a"},
		{"version 1", head(0x40, 'a'), false, ""},
		{"eleven bytes", head(0x80)[:11], false, ""},
	} {
		h, ok := parseRTP(c.b)
		if ok != c.ok || ok && string(c.b[h.payloadRange[0]:h.payloadRange[1]]) != c.body {
			t.Errorf("%s: %v, %+v", c.name, ok, h)
		}
	}
}

func TestParseRTP_FindsOneByteAndTwoByteExtensions(t *testing.T) {
	for _, c := range []struct {
		name string
		ext  []byte
		id   uint8
		want string
	}{
		{"one byte", []byte{0xbe, 0xde, 0, 2, 0x10, 'x', 0, 0x32, 'a', 'b', 'c', 0}, 3, "abc"},
		{"one byte, absent", []byte{0xbe, 0xde, 0, 1, 0x10, 'x', 0, 0}, 3, ""},
		{"one byte, stop at 15", []byte{0xbe, 0xde, 0, 1, 0xf0, 'x', 0x30, 'y'}, 3, ""},
		{"one byte, overrun", []byte{0xbe, 0xde, 0, 1, 0x3f, 'x', 'y', 'z'}, 3, ""},
		{"two bytes", []byte{0x10, 0, 0, 2, 1, 0, 3, 3, 'a', 'b', 'c', 0}, 3, "abc"},
		{"two bytes, overrun", []byte{0x10, 0, 0, 1, 3, 9, 'a', 'b'}, 3, ""},
		{"unknown profile", []byte{0xab, 0xcd, 0, 1, 0x30, 'a', 0, 0}, 3, ""},
		{"id 0", []byte{0xbe, 0xde, 0, 1, 0, 0, 0, 0}, 0, ""},
	} {
		b := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, c.ext...)
		h, ok := parseRTP(b)
		if got := string(h.extension(b, c.id)); !ok || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, ok, c.want)
		}
	}
}

func FuzzRTP(f *testing.F) {
	f.Add([]byte{0xb0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x51, 7, 8, 0, 'a', 1}, uint8(5))
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 3, 9, 'a', 'b'}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, id uint8) {
		if h, ok := parseRTP(b); ok {
			h.extension(b, id)
			_ = b[h.payloadRange[0]:h.payloadRange[1]]
		}
	})
}

func FuzzRTCP(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 3, LostPackets: 0xffff}}},
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{2}},
		&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1 << 40}}},
		&rtcp.Goodbye{Sources: []uint32{1}},
	} {
		b, _ := p.Marshal()
		f.Add(b)
	}
	var a twccRecorder
	a.record([]byte{0, 1}, 1e9)
	a.record([]byte{0, 9}, 3e9)
	f.Add(a.appendFeedback(nil, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := unmarshalRTCP(b)
		if err != nil {
			return
		}
		var s twccSender
		for range 20 {
			s.next(1, 1200)
		}
		for _, p := range packets {
			if r, ok := p.(*rtcp.TransportLayerCC); ok {
				s.addFeedback(1e9, r, &path{}, 0, nil)
			}
		}
	})
}

func TestTWCCRecorder_PionReadsItsFeedback(t *testing.T) {
	var a twccRecorder
	const base = 10 * time.Second
	for _, p := range []struct {
		number uint16
		at     time.Duration
	}{{65534, base}, {65535, base + 1e6}, {1, base + 500e6}, {0, base + 499e6}, {9, base + 501e6}} {
		a.record(binary.BigEndian.AppendUint16(nil, p.number), p.at)
	}
	b := a.appendFeedback(nil, 42)
	var r rtcp.TransportLayerCC
	if err := r.Unmarshal(b); err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	if r.BaseSequenceNumber != 65534 || r.PacketStatusCount != 12 || r.MediaSSRC != 42 || r.FbPktCount != 0 {
		t.Errorf("header %+v", r)
	}
	at, i, got := time.Duration(r.ReferenceTime)*64*time.Millisecond, 0, map[uint16]time.Duration{}
	number := r.BaseSequenceNumber
	forEachStatus(&r, func(symbol uint16) {
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += time.Duration(r.RecvDeltas[i].Delta) * time.Microsecond
			got[number] = at
			i++
		}
		number++
	})
	for number, want := range map[uint16]time.Duration{65534: base, 65535: base + 1e6, 0: base + 499e6, 1: base + 500e6, 9: base + 501e6} {
		if d := got[number] - want; d < -300e3 || d > 300e3 {
			t.Errorf("packet %d arrived at %d, want %d", number, got[number], want)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d packets, want 5: %v", len(got), got)
	}
	if b := a.appendFeedback(nil, 42); len(b) != 0 {
		t.Errorf("nothing arrived, but there is a report of %d bytes", len(b))
	}
}
