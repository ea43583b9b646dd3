package sdp

import (
	_ "embed"
	"encoding/hex"
	"errors"
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

func TestAnswer_AcceptsAndRejectsSections(t *testing.T) {
	a := answerTo(parsed(t, crlf(browserOffer)))
	a.Sections[0] = AnswerSection{}
	a.ICE = Credentials{"ours", "our-password"}
	var desc pion.SessionDescription
	if err := desc.UnmarshalString(a.String()); err != nil {
		t.Fatalf("%v in\n%s", err, a)
	}
	if bundle, _ := desc.Attribute("group"); bundle != "BUNDLE 1" {
		t.Errorf("group %q, want only the accepted section", bundle)
	}
	audio, video := desc.MediaDescriptions[0], desc.MediaDescriptions[1]
	if _, inactive := audio.Attribute("inactive"); !inactive || audio.MediaName.Port.Value != 0 {
		t.Errorf("the rejected section is %+v", audio)
	}
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
