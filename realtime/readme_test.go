package realtime_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// The example of docs/go.md is the function speak of example_test.go, which runs.
func TestReadme_ShowsAnExampleThatRuns(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(source), "func speak(")
	readme, err := os.ReadFile("../docs/go.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "func speak("+example) {
		t.Error("docs/go.md does not have the function speak of realtime/example_test.go")
	}

	if lines := strings.Count("func speak("+example, "\n"); lines > 20 {
		t.Errorf("the example has %d lines, want at most 20", lines)
	}

	path := filepath.Join(t.TempDir(), "tone.ogg")
	tone, err := testpattern.NewTone(1)
	if err != nil {
		t.Fatal(err)
	}
	out, err := container.Create(path, []container.Track{{Codec: media.Opus, Channels: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint32(10) {
		f := container.Frame{Time: time.Duration(n) * testpattern.PacketTime, Duration: testpattern.PacketTime, Keyframe: true, Data: tone.Packet(n)}
		if err := out.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStageServer(t)
	if err := speak(s.ctx, s.token("alice"), path); err != nil {
		t.Error(err)
	}
	if err := speak(s.ctx, "no token", path); err == nil {
		t.Error("it publishes without a token")
	}
	claims := s.claims("bob")
	claims.Publish = false
	raw, err := s.authority.Issue(claims)
	s.check(err)
	if err := speak(s.ctx, raw, path); !errors.Is(err, realtime.TokenNotAllowed) {
		t.Errorf("a token that may only subscribe gives %v", err)
	}
}
