package sdp

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"

	"rostrum/internal/media"
)

// browserOffer is an offer as Chromium makes it: Opus, and VP8 or H.264 in two layers.
//
//go:embed testdata/browser-offer.sdp
var browserOffer string

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func parsed(t *testing.T, text string) *Offer {
	t.Helper()
	o, err := ParseOffer(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParseOffer_ReadsABrowsersOffer(t *testing.T) {
	o := parsed(t, crlf(browserOffer))
	audio, video := &o.Sections[0], &o.Sections[1]
	if p, ok := video.Choose(media.H264); !ok || p.Type != 106 || p.RTX != 107 {
		t.Errorf("H.264: payload %+v, %v, want 106 with 107", p, ok)
	}
	if got := strings.Join(video.RIDs, " "); got != "hi low" {
		t.Errorf("layers %q, want hi low", got)
	}
	if audio.Extensions[ExtAudioLevel] != 1 || !audio.Sends || audio.Receives {
		t.Errorf("audio section %+v", audio)
	}
}

func TestParseOffer_ClassifiesFaults(t *testing.T) {
	swap := func(old, new string) string { return crlf(strings.ReplaceAll(browserOffer, old, new)) }
	for name, c := range map[string]struct {
		sdp  string
		want Fault
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
		_, err := ParseOffer(c.sdp)
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// answerTo accepts every media section of an offer with its first payload type.
func answerTo(o *Offer) *Answer {
	a := &Answer{Offer: o, Sections: make([]AnswerSection, len(o.Sections))}
	for i := range o.Sections {
		if s := &o.Sections[i]; len(s.Payloads) > 0 && s.live() {
			a.Sections[i] = s.Accept(s.Payloads[0], "sendonly", []string{ExtMID, ExtRID, ExtTransportCC}, []string{"nack", "nack pli", "transport-cc"})
			a.Sections[i].Sent = SentTrack{Stream: "s", Track: "s-" + s.Kind, SSRC: 5, RTXSSRC: 7}
		}
	}
	return a
}

// Some clients reject an answer in which a section of their BUNDLE group has no transport.
func TestAnswer_RefusesMediaInsideTheBundle(t *testing.T) {
	data := "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:2\n"
	for name, c := range map[string]struct {
		old, new  string // in the offer
		bundle    string
		port      int
		transport bool
	}{
		"in the bundle":               {"", "", "BUNDLE 0 1", 9, true},
		"bundle-only":                 {"m=audio 9 ", "m=audio 0 ", "BUNDLE 0 1", 9, true},
		"inactive in the offer":       {"a=sendonly\na=msid:x y", "a=inactive", "BUNDLE 0 1", 9, true},
		"outside of the bundle":       {"a=group:BUNDLE 0 1", "a=group:BUNDLE 1", "BUNDLE 1", 0, false},
		"rejected by the offer":       {"m=audio 9 ", "m=audio 0 ", "BUNDLE 1", 0, false},
		"unknown codecs":              {"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9", "m=audio 9 UDP/TLS/RTP/SAVPF 9", "BUNDLE 0 1", 9, true},
		"payload types without names": {"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9", "m=audio 9 UDP/TLS/RTP/SAVPF 0 8", "BUNDLE 0 1", 9, true},
	} {
		text := strings.Replace(browserOffer, c.old, c.new, 1)
		if name == "bundle-only" {
			text = strings.Replace(text, "a=mid:0", "a=mid:0\na=bundle-only", 1)
		}
		if strings.Contains(c.new, "BUNDLE") {
			text = strings.Replace(text, "a=sendonly\na=msid:x y", "a=inactive", 1)
		} else {
			text = strings.Replace(text, "BUNDLE 0 1", "BUNDLE 0 1 2", 1)
		}
		o, err := ParseOffer(crlf(text + data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a := answerTo(o)
		a.Sections[0] = AnswerSection{}
		a.ICE, a.Fingerprint = Credentials{"ours", "our-password"}, "AA"
		var desc pion.SessionDescription
		if err := desc.UnmarshalString(a.String()); err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, a)
		}
		if bundle, _ := desc.Attribute("group"); bundle != c.bundle {
			t.Errorf("%s: group %q, want %q", name, bundle, c.bundle)
		}
		audio := desc.MediaDescriptions[0]
		_, inactive := audio.Attribute("inactive")
		ufrag, _ := audio.Attribute("ice-ufrag")
		setup, _ := audio.Attribute("setup")
		if !inactive || audio.MediaName.Port.Value != c.port || (ufrag == "ours" && setup == "passive") != c.transport {
			t.Errorf("%s: the refused section is %+v\n%s", name, audio.MediaName, a)
		}
		if pt := audio.MediaName.Formats[0]; c.transport && !slices.Contains(o.Sections[0].Formats, pt) {
			t.Errorf("%s: payload type %s was not offered", name, pt)
		}
		if data := desc.MediaDescriptions[2]; data.MediaName.Port.Value != 0 {
			t.Errorf("%s: the data channel is answered by %+v", name, data.MediaName)
		}
	}
}

func TestAnswer_AcceptsASection(t *testing.T) {
	a := answerTo(parsed(t, crlf(browserOffer)))
	a.ICE = Credentials{"ours", "our-password"}
	var desc pion.SessionDescription
	if err := desc.UnmarshalString(a.String()); err != nil {
		t.Fatalf("%v in\n%s", err, a)
	}
	video := desc.MediaDescriptions[1]
	for key, want := range map[string]string{
		"ice-ufrag": "ours", "setup": "passive", "mid": "1", "msid": "s s-video", "extmap": "4 " + ExtMID, "ssrc-group": "FID 5 7",
	} {
		if got, _ := video.Attribute(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := strings.Join(video.MediaName.Formats, " "); got != "96 97" {
		t.Errorf("formats %q, want VP8 and its RTX", got)
	}
}

// Each is read as the same offer.
func TestParseOffer_ToleratesForms(t *testing.T) {
	whole := crlf(browserOffer)
	want := answerTo(parsed(t, whole)).String()
	for name, text := range map[string]string{
		"LF only":                         browserOffer,
		"no last newline":                 strings.TrimRight(whole, "\r\n"),
		"LF only, no last newline":        strings.TrimRight(browserOffer, "\n"),
		"newlines at the end":             whole + "\r\n\r\n",
		"a byte order mark":               "\ufeff" + whole,
		"spaces at the ends":              strings.ReplaceAll(whole, "\r\n", " \r\n"),
		"mixed line ends":                 strings.Replace(browserOffer, "\n", "\r\n", 20),
		"unknown attributes":              strings.ReplaceAll(whole, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=x-thing:1\r\na=x\r\n"),
		"unknown types of lines":          strings.ReplaceAll(whole, "a=rtcp-mux\r\n", "x=1\r\na=rtcp-mux\r\ny=\r\n"),
		"lines in another order":          strings.ReplaceAll(whole, "c=IN IP4 0.0.0.0\r\n", "b=AS:2500\r\nc=IN IP4 0.0.0.0\r\ni=a\r\n"),
		"a phone number, and a time zone": strings.Replace(whole, "t=0 0\r\n", "p=+1 617 555\r\nt=0 0\r\nr=7d 1h 0 25h\r\nz=0 1h\r\nk=prompt\r\n", 1),
		"a name with spaces":              strings.Replace(whole, "s=-", "s=a 2 z", 1),
	} {
		if o, err := ParseOffer(text); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := answerTo(o).String(); got != want {
			t.Errorf("%s is answered by\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A value that means something else, or nothing, must not be taken for the default.
func TestParseOffer_NamesUnknownValues(t *testing.T) {
	for name, c := range map[string]struct{ old, new, named string }{
		"setup:holdconn":        {"a=setup:actpass", "a=setup:holdconn", "holdconn"},
		"setup:server":          {"a=setup:actpass", "a=setup:server", "server"},
		"setup of nothing":      {"a=setup:actpass", "a=setup", "a=setup"},
		"a rid that does both":  {"a=rid:hi send", "a=rid:hi sendrecv", "hi sendrecv"},
		"a rid of no direction": {"a=rid:hi send", "a=rid:hi", "a=rid"},
		"simulcast":             {"a=simulcast:send ", "a=simulcast:both ", "a=simulcast"},
		"an extension":          {"a=extmap:1 ", "a=extmap:1/both ", "1/both"},
		"packetization-mode":    {"packetization-mode=0", "packetization-mode=3", "packetization-mode=\"3\""},
		"a broken hash":         {"a=fingerprint:sha-256 ", "a=fingerprint:sha-1 ", "sha-1"},
		"the port":              {"m=audio 9 ", "m=audio x ", "port"},
		"a section cut short":   {"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9", "m=audio 9", "m=\"audio 9\""},
	} {
		_, err := ParseOffer(crlf(strings.ReplaceAll(browserOffer, c.old, c.new)))
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != FaultMalformed || !strings.Contains(e.Detail, c.named) {
			t.Errorf("%s: %v, want an error that names %s", name, err, c.named)
		}
	}
}

func TestSection_ChoosesH264ByModeAndProfile(t *testing.T) {
	for _, c := range []struct {
		name string
		fmtp [2]string // of payload types 100 and 101; "" for none
		want uint8     // 0 for none
	}{
		{"mode 1 before mode 0", [2]string{"packetization-mode=0;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=640c1f"}, 101},
		{"constrained baseline first", [2]string{"packetization-mode=1;profile-level-id=640c1f", "packetization-mode=1;profile-level-id=42C02A"}, 101},
		{"the first of equals", [2]string{"packetization-mode=1;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=42e034"}, 100},
		{"no parameters", [2]string{"", "packetization-mode=2"}, 100},
		{"without a mode", [2]string{"profile-level-id=4d001f", "profile-level-id=42e01f"}, 101},
		{"main that is constrained baseline, too", [2]string{"packetization-mode=1;profile-level-id=4d001f", "packetization-mode=1;profile-level-id=4d801f"}, 101},
		{"a profile that is not hexadecimal", [2]string{"packetization-mode=1;profile-level-id=42e0zz", "packetization-mode=1;profile-level-id=42e01f"}, 101},
		{"only interleaved", [2]string{"packetization-mode=2", "packetization-mode=2"}, 0},
	} {
		s := Section{}
		for i, fmtp := range c.fmtp {
			s.Payloads = append(s.Payloads, Payload{Type: uint8(100 + i), Codec: media.H264, FMTP: fmtp})
		}
		if p, ok := s.Choose(media.H264); p.Type != c.want || ok != (c.want != 0) {
			t.Errorf("%s: payload type %d, %v, want %d", c.name, p.Type, ok, c.want)
		}
	}
}

func TestParseOffer_GivesEachPayloadTypeOneMeaning(t *testing.T) {
	for name, c := range map[string]struct {
		change     [2]string
		video, rtx uint8
	}{
		"no collision":                {[2]string{"x=", "x="}, 106, 107},
		"RTX has the number of audio": {[2]string{"107", "111"}, 106, 0},
		"H.264 has that of audio":     {[2]string{"106", "111"}, 102, 103},
	} {
		at := strings.Index(browserOffer, "m=video")
		o := parsed(t, crlf(browserOffer[:at]+strings.ReplaceAll(browserOffer[at:], c.change[0], c.change[1])))
		if p, ok := o.Sections[1].Choose(media.H264); p.Type != c.video || p.RTX != c.rtx || !ok {
			t.Errorf("%s: %+v", name, p)
		}
		if p, ok := o.Sections[0].Choose(media.Opus); !ok || p.Type != 111 {
			t.Errorf("%s: audio is %+v, %v", name, p, ok)
		}
	}
}

// An encoder announces its parameter sets; the answer must not claim that they are the server's.
func TestPayload_ReadsAnnouncedParameterSets(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"SPS and PPS":     {"Z0LAHw==,aM4=", "6742c01f 68ce"},
		"without padding": {"Z0LAHw,aM4", "6742c01f 68ce"},
		"a damaged one":   {"Z0L*,aM4=", "68ce"},
		"empty":           {"", ""},
	} {
		o := parsed(t, crlf(strings.ReplaceAll(browserOffer, "packetization-mode=1;profile", "packetization-mode=1; sprop-parameter-sets="+c.value+";profile")))
		p, _ := o.Sections[1].Choose(media.H264)
		var got []string
		for _, set := range p.ParameterSets() {
			got = append(got, hex.EncodeToString(set))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		a := answerTo(o)
		a.Sections[1] = o.Sections[1].Accept(p, "recvonly", nil, nil)
		if want := "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"; !strings.Contains(a.String(), want) {
			t.Errorf("%s: the answer has no %q:\n%s", name, want, a)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add(crlf(browserOffer))
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseOffer(text)
		if err != nil {
			return
		}
		if answer := answerTo(o).String(); strings.Count(answer, "\nm=") != len(o.Sections) {
			t.Errorf("%d sections are answered by\n%s", len(o.Sections), answer)
		}
	})
}
