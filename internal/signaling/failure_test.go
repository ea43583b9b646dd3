package signaling_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/pion/webrtc/v4"

	"rostrum/internal/stage"
)

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// The first on a stage is usually an encoder that somebody sets up: why it fails must be found
// afterwards, although no session came of it.
func TestServer_FailedAttemptOnEmptyStageLeavesEventAndLine(t *testing.T) {
	var log logBuffer
	cfg := fast
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := newFixture(t, cfg)
	noCodec := strings.NewReplacer("H264", "H263", "VP8", "H261", "VP9", "theora", "AV1", "dirac").Replace(offer(t, c))
	for _, try := range []struct {
		who, offer string
		status     int
		code       string
	}{
		{"alice", noCodec, 422, "INVALID_VIDEO_CODEC"},
		{"bob", "v=0", 400, "INVALID_INPUT"},
	} {
		if resp, said := c.ask("POST", "/whip", c.token(try.who).Raw, "application/sdp", try.offer); resp.StatusCode != try.status {
			t.Errorf("%s gets %d %v", try.who, resp.StatusCode, said)
		}
		want := "Participant Publish Error " + try.who + " " + try.code
		c.eventually(want, func() bool { return strings.Contains(c.events(), want) })
		if line := "participant=" + try.who + " attempt=PUBLISH_ERROR code=" + try.code; !strings.Contains(log.String(), line) {
			t.Errorf("%q is missing in the log: %s", line, &log)
		}
	}
	carol := c.token("carol", viewer)
	if resp, _ := c.ask("POST", "/whip", carol.Raw, "application/sdp", noCodec); resp.StatusCode != 403 {
		t.Errorf("a viewer who publishes gets %d", resp.StatusCode)
	}
	if want := "Participant Publish Error carol INSUFFICIENT_CAPABILITIES"; !strings.Contains(c.events(), want) {
		t.Errorf("the events are %s, want %s", c.events(), want)
	}
	if resp, _ := c.ask("POST", "/whip/subscribe/alice", carol.Raw, "application/sdp", noCodec); resp.StatusCode != 404 {
		t.Errorf("subscribing to nobody gives %d", resp.StatusCode)
	}
	if line := "participant=carol attempt=SUBSCRIBE_ERROR code=PUBLISHER_NOT_FOUND"; !strings.Contains(log.String(), line) {
		t.Errorf("%q is missing in the log: %s", line, &log)
	}
	if strings.Contains(c.events(), "Session Started") {
		t.Errorf("a session began: %s", c.events())
	}
	for range 300 {
		c.ask("POST", "/whip", carol.Raw, "application/sdp", noCodec)
	}
	if n := strings.Count(log.String(), "participant=carol"); n > 220 {
		t.Errorf("one participant caused %d lines", n)
	}
}

func TestServer_FailedHandshakeLeavesAnEvent(t *testing.T) {
	c := newFixture(t, stage.Config{})
	alice := c.token("alice")
	engine := webrtc.SettingEngine{}
	engine.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, pc.Close()) }()
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	o, err := pc.CreateOffer(nil)
	check(t, err)
	check(t, pc.SetLocalDescription(o))
	const fingerprint = "a=fingerprint:sha-256 "
	at := strings.Index(o.SDP, fingerprint) + len(fingerprint)
	other := "00"
	if o.SDP[at:at+2] == other {
		other = "01"
	}
	resp, said := c.ask("POST", "/whip", alice.Raw, "application/sdp", o.SDP[:at]+other+o.SDP[at+2:])
	if resp.StatusCode != 201 {
		t.Fatalf("%d %v", resp.StatusCode, said)
	}
	answer, _ := said["text"].(string)
	check(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	c.untilHistory("alice", "JOINED PUBLISH_ERROR:INVALID_INPUT LEFT")
}
