package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v3"

	"rostrum/internal/media"
)

// checkBy is a binding request as another implementation writes it.
func checkBy(t testing.TB, user, pwd string, more ...stun.Setter) []byte {
	t.Helper()
	setters := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}, more...)
	setters = append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func TestCheck_IsReadAndAnsweredAsOthersUnderstand(t *testing.T) {
	const pwd = "a-password-of-24-letters"
	raw := checkBy(t, "ours:theirs", pwd, stun.RawAttribute{Type: stun.AttrUseCandidate})
	c, ok := parseCheck(raw)
	if !ok || string(c.ufrag) != "ours" || string(c.peerUfrag) != "theirs" || !c.nominates || c.controlled {
		t.Fatalf("read %+v, %v", c, ok)
	}
	if !c.verify(pwd) || c.verify(pwd+"x") {
		t.Fatal("integrity is judged wrongly")
	}
	for _, from := range []string{"192.0.2.7:4242", "[2001:db8::7]:4242"} {
		reply := c.respond(nil, netip.MustParseAddrPort(from), pwd)
		m := &stun.Message{Raw: reply}
		if err := m.Decode(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(stun.Fingerprint.Check(m), stun.NewShortTermIntegrity(pwd).Check(m)); err != nil {
			t.Errorf("the answer doesn't hold: %v", err)
		}
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(m); err != nil || m.Type != stun.BindingSuccess {
			t.Fatalf("%v, %v", m.Type, err)
		}
		if got := netip.AddrPortFrom(netip.MustParseAddr(mapped.IP.String()), uint16(mapped.Port)); got.String() != from {
			t.Errorf("mapped address %s, want %s", got, from)
		}
		if len(reply) > len(raw)*2 {
			t.Errorf("%d bytes answer %d: an amplifier", len(reply), len(raw))
		}
	}
	var code stun.ErrorCodeAttribute
	m := &stun.Message{Raw: c.conflict(nil, pwd)}
	if err := errors.Join(m.Decode(), code.GetFrom(m)); err != nil || code.Code != stun.CodeRoleConflict {
		t.Errorf("role conflict: %v, %v", code, err)
	}
}

func TestCheck_RefusesWhatIsNotWhole(t *testing.T) {
	good := checkBy(t, "ours:theirs", "pwd")
	damaged := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	noPrint, _ := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.NewShortTermIntegrity("pwd"))
	noIntegrity, _ := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.Fingerprint)
	for says, b := range map[string][]byte{
		"one byte":                    {0},
		"nothing":                     {},
		"no fingerprint":              noPrint.Raw,
		"no integrity":                noIntegrity.Raw,
		"a flipped bit":               damaged(func(b []byte) []byte { b[25] ^= 1; return b }),
		"cut short":                   good[:len(good)-4],
		"a length that lies":          damaged(func(b []byte) []byte { b[3] += 4; return b }),
		"an attribute that leads out": damaged(func(b []byte) []byte { binary.BigEndian.PutUint16(b[22:], 0xfff0); return b }),
		"a response":                  damaged(func(b []byte) []byte { b[0] = 1; return b }),
		"a giant":                     append(bytes.Clone(good), make([]byte, 4096)...),
		"another cookie":              damaged(func(b []byte) []byte { b[4] ^= 0xff; return b }),
	} {
		if _, ok := parseCheck(b); ok {
			t.Errorf("%s is taken", says)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(checkBy(f, "ours:theirs", "pwd"))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseCheck(b); ok {
			c.verify("pwd")
			c.respond(nil, netip.MustParseAddrPort("192.0.2.1:1"), "pwd")
		}
	})
}

func TestRTP_BadLengthsAreRefused(t *testing.T) {
	head := func(first byte, rest ...byte) []byte {
		return append([]byte{first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, rest...)
	}
	for _, c := range []struct {
		says string
		b    []byte
		ok   bool
		body string
	}{
		{"plain", head(0x80, 'a', 'b'), true, "ab"},
		{"empty", head(0x80), true, ""},
		{"padding", head(0xa0, 'a', 0, 2), true, "a"},
		{"padding alone", head(0xa0, 0, 0, 3), true, ""},
		{"padding longer than the payload", head(0xa0, 'a', 'b', 9), false, ""},
		{"padding of nothing", head(0xa0, 'a', 0), false, ""},
		{"CSRCs that aren't there", head(0x8f, 'a'), false, ""},
		{"a CSRC", head(0x81, 1, 2, 3, 4, 'a'), true, "a"},
		{"an extension that overruns", head(0x90, 0xbe, 0xde, 0, 9, 1, 2, 3, 4), false, ""},
		{"an extension without length", head(0x90, 0xbe), false, ""},
		{"an extension", head(0x90, 0xbe, 0xde, 0, 1, 0x51, 7, 8, 0, 'a'), true, "a"},
		{"version 1", head(0x40, 'a'), false, ""},
		{"eleven bytes", head(0x80)[:11], false, ""},
	} {
		h, ok := parseRTP(c.b)
		if ok != c.ok || ok && string(c.b[h.body[0]:h.body[1]]) != c.body {
			t.Errorf("%s: %v, %+v", c.says, ok, h)
		}
	}
}

func TestRTP_FindsExtensionsOfBothForms(t *testing.T) {
	for _, c := range []struct {
		says string
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
		{"id 0 is nobody's", []byte{0xbe, 0xde, 0, 1, 0, 0, 0, 0}, 0, ""},
	} {
		b := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, c.ext...)
		h, ok := parseRTP(b)
		if got := string(h.extension(b, c.id)); !ok || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.says, got, ok, c.want)
		}
	}
}

func FuzzRTP(f *testing.F) {
	f.Add([]byte{0xb0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x51, 7, 8, 0, 'a', 1}, uint8(5))
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 3, 9, 'a', 'b'}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, id uint8) {
		if h, ok := parseRTP(b); ok {
			h.extension(b, id)
			_ = b[h.body[0]:h.body[1]]
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
	var a arrivals
	a.note([]byte{0, 1}, 1e9)
	a.note([]byte{0, 9}, 3e9)
	f.Add(a.feedback(nil, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := unmarshalRTCP(b)
		if err != nil {
			return
		}
		var s sender
		for range 20 {
			s.next(1, 1200)
		}
		for _, p := range packets {
			if r, ok := p.(*rtcp.TransportLayerCC); ok {
				s.feedback(1e9, r, &path{}, 0, nil)
			}
		}
	})
}

func TestArrivals_FeedbackIsWhatOthersRead(t *testing.T) {
	var a arrivals
	const base = int64(10e9)
	for _, p := range []struct {
		number uint16
		at     int64
	}{{65534, base}, {65535, base + 1e6}, {1, base + 500e6}, {0, base + 499e6}, {9, base + 501e6}} {
		a.note(binary.BigEndian.AppendUint16(nil, p.number), p.at)
	}
	b := a.feedback(nil, 42)
	var r rtcp.TransportLayerCC
	if err := r.Unmarshal(b); err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	if r.BaseSequenceNumber != 65534 || r.PacketStatusCount != 12 || r.MediaSSRC != 42 || r.FbPktCount != 0 {
		t.Errorf("header %+v", r)
	}
	at, i, got := int64(r.ReferenceTime)*64e6, 0, map[uint16]int64{}
	number := r.BaseSequenceNumber
	each(&r, func(symbol uint16) {
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += r.RecvDeltas[i].Delta * 1000
			got[number] = at
			i++
		}
		number++
	})
	for number, want := range map[uint16]int64{65534: base, 65535: base + 1e6, 0: base + 499e6, 1: base + 500e6, 9: base + 501e6} {
		if d := got[number] - want; d < -300e3 || d > 300e3 {
			t.Errorf("packet %d arrived at %d, want %d", number, got[number], want)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d packets, want 5: %v", len(got), got)
	}
	if b := a.feedback(nil, 42); len(b) != 0 {
		t.Errorf("nothing came, yet there is a report of %d bytes", len(b))
	}
}

const browserOffer = `v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS x
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-options:trickle
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendonly
a=msid:x y
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=ssrc:77 cname:c
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 106 107
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:1
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=sendonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:105 rtx/90000
a=fmtp:105 apt=104
a=rtpmap:106 H264/90000
a=rtcp-fb:106 nack
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:107 rtx/90000
a=fmtp:107 apt=106
a=rid:hi send
a=rid:low send
a=simulcast:send hi;~low
`

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestOffer_OfABrowserIsUnderstood(t *testing.T) {
	o, err := parseOffer(crlf(browserOffer))
	if err != nil {
		t.Fatal(err)
	}
	v := &o.sections[1]
	p, ok := v.choose(media.H264)
	if !ok || p.pt != 106 || p.rtx != 107 {
		t.Errorf("H.264: payload %+v, %v, want 106 with 107", p, ok)
	}
	if got := strings.Join(v.layers, " "); got != "hi low" {
		t.Errorf("layers %q, want hi low", got)
	}
	if o.sections[0].extensions[extAudioLevel] != 1 || !o.sections[0].sends || o.sections[0].receives {
		t.Errorf("audio section %+v", o.sections[0])
	}
}

func TestOffer_FaultsAreNamed(t *testing.T) {
	swap := func(old, new string) string { return crlf(strings.ReplaceAll(browserOffer, old, new)) }
	for says, c := range map[string]struct {
		sdp  string
		want OfferFault
	}{
		"not SDP":                   {"hello", FaultMalformed},
		"empty":                     {"", FaultMalformed},
		"no fingerprint":            {swap("a=fingerprint:sha-256 AA:BB\n", ""), FaultNoEncrypted},
		"no ufrag":                  {swap("a=ice-ufrag:abcd\n", ""), FaultMalformed},
		"a short password":          {swap("abcdefghijklmnopqrstuvwx", "short"), FaultMalformed},
		"a ufrag with a line break": {swap("abcd\n", "ab cd\n"), FaultMalformed},
		"no bundle":                 {swap("a=group:BUNDLE 0 1\n", ""), FaultNotBundled},
		"all inactive":              {swap("a=sendonly", "a=inactive"), FaultNoMedia},
		"a hundred sections":        {crlf(browserOffer + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\n", 100)), FaultTooLarge},
		"a million bytes":           {browserOffer + strings.Repeat("a=x\r\n", 200_000), FaultTooLarge},
		"a mid twice":               {swap("a=mid:1", "a=mid:0"), FaultMalformed},
		"a long mid":                {swap("a=mid:1", "a=mid:"+strings.Repeat("x", 99)), FaultTooLarge},
	} {
		_, err := parseOffer(c.sdp)
		if o, ok := AsOfferError(err); !ok || o.Fault != c.want {
			t.Errorf("%s: %v, want %s", says, err, c.want)
		}
	}
}

func FuzzOffer(f *testing.F) {
	f.Add(crlf(browserOffer))
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOffer(text)
		if err != nil {
			return
		}
		a := answer{offer: o, sections: make([]answered, len(o.sections))}
		for i := range o.sections {
			if s := &o.sections[i]; len(s.payloads) > 0 && (s.sends || s.receives) {
				a.sections[i] = accept(s, s.payloads[0], "sendonly", publishExtensions[1], publishFeedback)
				a.sections[i].ssrc = 5
			}
		}
		if again := a.String(); strings.Count(again, "\nm=") != len(o.sections) {
			t.Errorf("%d sections are answered by\n%s", len(o.sections), again)
		}
	})
}

func TestFragment_CountsCandidatesAndSeesRestarts(t *testing.T) {
	f, err := parseFragment(crlf("a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\na=group:BUNDLE 0 1\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\na=end-of-candidates\n"))
	if err != nil || f.candidates != 1 || f.ice.ufrag != "EsAw" || len(f.mids) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := parseFragment(strings.Repeat("a=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n", 10_000)); err == nil {
		t.Error("ten thousand candidates are taken")
	}
	if _, err := parseFragment("{\"a\":1}"); err == nil {
		t.Error("JSON is taken")
	}
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if f, err := parseFragment(text); err == nil {
			writeFragment(f.mids, f.ice, nil)
		}
	})
}
