package signaling_test

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// offer is what a browser-like publisher offers.
func offer(t testing.TB, c *fixture) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, pc.Close()) }()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
	}
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return o.SDP
}

func attribute(sdp, name string) string {
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "a="+name+":"); ok {
			return value
		}
	}
	return ""
}

func TestServer_TricklesAndRestartsICE(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice").Raw
	sdp := offer(t, c)
	resp, said := c.ask("POST", "/whip", alice, "application/sdp; charset=utf-8", sdp)
	answer, _ := said["text"].(string)
	at, etag := resp.Header.Get("Location"), resp.Header.Get("ETag")
	if resp.StatusCode != 201 || !strings.HasPrefix(at, "/whip/sessions/") || etag == "" || resp.Header.Get("Accept-Patch") == "" {
		t.Fatalf("publishing gives %d %v", resp.StatusCode, resp.Header)
	}
	if strings.Count(answer, "a=end-of-candidates") != strings.Count(answer, "\r\nm=") || !strings.Contains(answer, "a=candidate:") {
		t.Errorf("not every section of the answer has its candidates:\n%s", answer)
	}
	const frag = "application/trickle-ice-sdpfrag"
	candidate := "a=ice-ufrag:" + attribute(sdp, "ice-ufrag") + "\r\na=ice-pwd:" + attribute(sdp, "ice-pwd") +
		"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
	restart := "a=ice-ufrag:ABCD\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
	steps := []struct {
		what, contentType, body, match string
		status                         int
	}{
		{"a candidate", frag, candidate, etag, 204},
		{"a candidate without a condition", frag, candidate, "", 204},
		{"a candidate for an unknown section", frag, strings.Replace(candidate, "a=mid:0", "a=mid:nothing", 1), etag, 204},
		{"a restart without a condition", frag, restart, "", 428},
		{"another condition", frag, candidate, `"other"`, 412},
		{"another type", "application/sdp", candidate, etag, 415},
		{"no fragment", frag, "hello", etag, 400},
		{"a hundred candidates", frag, candidate + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 100), etag, 400},
		{"a restart", frag, restart, "*", 200},
		{"the same again, for want of an answer", frag, restart, "*", 200},
		{"a candidate for the session before", frag, candidate, etag, 412},
	}
	for _, step := range steps {
		var header []string
		if step.match != "" {
			header = []string{"If-Match", step.match}
		}
		resp, said := c.ask("PATCH", at, alice, step.contentType, step.body, header...)
		if resp.StatusCode != step.status {
			t.Errorf("%s: %d %v, want %d", step.what, resp.StatusCode, said, step.status)
		}
		if step.status != 200 {
			continue
		}
		fragment, _ := said["text"].(string)
		if attribute(fragment, "ice-ufrag") == "" || attribute(fragment, "ice-ufrag") == attribute(answer, "ice-ufrag") ||
			resp.Header.Get("ETag") == etag || resp.Header.Get("Content-Type") != frag {
			t.Errorf("the restart is answered with %v:\n%s", resp.Header, fragment)
		}
	}
}
