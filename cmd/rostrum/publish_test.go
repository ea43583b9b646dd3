package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rostrum/internal/peer"
	"rostrum/test/reference"
)

// forwarder is a server of the same kind that is not ours.
func forwarder(t *testing.T) string {
	t.Helper()
	f, err := reference.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL
}

// publishing starts the command in a process of its own and waits until it publishes.
// What it returns interrupts it, as Ctrl-C does, and waits for its exit code.
func publishing(t *testing.T, args ...string) (stop func() int) {
	t.Helper()
	cmd := rostrum(t, append([]string{"publish", "--json"}, args...)...)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"published"`) {
		t.Fatalf("it began with %q", lines.Text())
	}
	return func() int {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		for lines.Scan() {
		}
		_ = cmd.Wait() // the exit code says it
		return cmd.ProcessState.ExitCode()
	}
}

func TestPublish_IsReceivedUntilInterrupted(t *testing.T) {
	url := forwarder(t)
	stop := publishing(t, "--whip", url+"/whip/a", "--size", "640x360", "--keyframe", "500ms", "--simulcast")
	file := filepath.Join(t.TempDir(), "out.mkv")
	out, complaints, code := finish(t, rostrum(t, "subscribe", "--json", "--whep", url+"/whep/a", "--duration", "2500ms", "-o", file))
	if code != exitOK {
		t.Fatalf("subscribe ended with %d: %s", code, complaints)
	}
	kinds := map[string]peer.ViewReport{}
	for line := range strings.Lines(out) {
		var r peer.ViewReport
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if r.Event == "summary" {
			kinds[r.Kind] = r
		}
	}
	video, audio := kinds["video"], kinds["audio"]
	if video.Frames < 20 || video.Width < 320 || video.KeyframeWait <= 0 || video.LatencyMedian == nil || *video.LatencyMedian <= 0 {
		t.Errorf("video was %+v", video)
	}
	if audio.Frames < 80 || audio.LatencyMedian != nil {
		t.Errorf("audio was %+v", audio)
	}
	if info, err := os.Stat(file); err != nil || info.Size() < 20_000 {
		t.Errorf("the recording: %v, %v", info, err)
	}
	if code := stop(); code != exitOK {
		t.Errorf("interrupted, publish ended with %d", code)
	}
	_, complaints, code = finish(t, rostrum(t, "subscribe", "--whep", url+"/whep/a"))
	if code != exitFailure || !strings.Contains(complaints, "404 Not Found: nobody publishes there") {
		t.Errorf("after the end a subscriber gets %d: %s", code, complaints)
	}
}

func TestPublish_ExitCodesTellWhatIsToBeChanged(t *testing.T) {
	token := func(claims string) string {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode([]byte(claims)) + ".c2ln"
	}
	const allowed = `"capabilities":{"allow_publish":true,"allow_subscribe":true}`
	for _, c := range []struct {
		says string
		args []string
		code int
		want string
	}{
		{"no token", []string{"publish"}, exitUsage, "--token"},
		{"a token that is none", []string{"publish", "--token", "x"}, exitUsage, "malformed"},
		{"an expired token", []string{"subscribe", "--token", token(`{"exp":1700000000,"iat":1600000000,` + allowed + `}`)}, exitDenied, "expired at 2023-11-14"},
		{"a token that may not publish", []string{"publish", "--token", token(`{"exp":4000000000,"iat":1600000000,"capabilities":{"allow_subscribe":true}}`)}, exitDenied, "allow to publish"},
		{"a token without addresses", []string{"publish", "--token", token(`{"exp":4000000000,"iat":1600000000,` + allowed + `}`)}, exitFailure, "no whip_url"},
		{"a bad size", []string{"publish", "--whip", "http://127.0.0.1:1", "--size", "wide"}, exitUsage, "1280x720"},
		{"a bad bit rate", []string{"publish", "--whip", "http://127.0.0.1:1", "--video-bitrate", "fast"}, exitUsage, "not a bit rate"},
		{"all and one", []string{"subscribe", "bob", "--all"}, exitUsage, "--all goes with neither"},
		{"a file nobody writes", []string{"subscribe", "-o", "x.avi"}, exitUsage, ".mkv"},
		{"nobody listens", []string{"publish", "--whip", "http://127.0.0.1:1"}, exitFailure, "refused"},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, complaints, code := finish(t, rostrum(t, c.args...))
			if code != c.code || !strings.Contains(complaints, c.want) {
				t.Errorf("ended with %d: %swant %d and %q", code, complaints, c.code, c.want)
			}
		})
	}
}

func TestBitrate_ReadsThousandsAndMillions(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "2500000": "2500000", "700k": "700000", "1.7M": "1700000", "": "err", "-1": "err", "M": "err", "1e99": "err", "NaN": "err"} {
		var b bitrate
		err := b.UnmarshalText([]byte(in))
		if got := fmt.Sprint(b); err == nil && got != want || err != nil && want != "err" {
			t.Errorf("%q is %d, %v; want %s", in, b, err, want)
		}
	}
}

func TestSize_ReadsWidthAndHeight(t *testing.T) {
	for in, want := range map[string]size{
		"1280x720": {1280, 720}, "0x0": {}, "-4x-4": {}, "1280": {}, "1280x720x3": {}, "1280x": {}, "wide x high": {}, "": {},
	} {
		var s size
		if err := s.UnmarshalText([]byte(in)); s != want || (err == nil) != (want != size{}) {
			t.Errorf("%q: saw %v, %v, expected %v", in, s, err, want)
		}
	}
}

// The pattern shows the name that the meeting page shows.
func TestPublish_DrawsTheNameOfTheParticipant(t *testing.T) {
	for claims, want := range map[string]string{
		`"user_id":"ann","attributes":{"name":"Ann Smith"}`: "Ann Smith",
		`"user_id":"ann"`: "ann",
		`"attributes":{}`: "",
	} {
		encode := base64.RawURLEncoding.EncodeToString
		c := publishCommand{}
		c.Token = encode([]byte(`{"alg":"ES384"}`)) + "." + encode(fmt.Appendf(nil,
			`{"exp":4000000000,"iat":1,"jti":"id","resource":"arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl","topic":"abcdefghijkl",
			"whip_url":"http://a/whip","events_url":"ws://a/events","version":"1.0","capabilities":{"allow_publish":true},%s}`, claims)) + ".c2ln"
		var cfg peer.PublisherConfig
		if name, err := c.useToken(&cfg); err != nil || name != want || cfg.ParticipantID != "id" {
			t.Errorf("%s gives the name %q of %q, %v", claims, name, cfg.ParticipantID, err)
		}
	}
}
