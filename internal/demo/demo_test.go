package demo

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"rostrum/internal/web"
	"rostrum/realtime"
)

func TestDemo_ShowsBothParticipantsAndAPageForAVisitor(t *testing.T) {
	ctx, seen := context.WithTimeout(t.Context(), 30*time.Second) // the demo ends once both are seen
	defer seen()
	var stderr strings.Builder
	stdout, out := io.Pipe()
	defer stdout.Close()
	exited := make(chan error, 1)
	go func() {
		exited <- Run(ctx, Config{Listen: "127.0.0.1:0", MediaPort: "0", Width: 640, Height: 360}, Output{
			Say: func(v any, _ func(io.Writer)) error { return json.NewEncoder(out).Encode(v) }, Log: &stderr,
		})
		out.Close()
	}()
	lines := json.NewDecoder(stdout)
	var s setup
	if err := lines.Decode(&s); err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(s.Page)
	if err != nil {
		t.Fatal(err)
	}
	token, more, _ := strings.Cut(page.Fragment, "&")
	visitor, err := realtime.ReadToken(token)
	if err != nil || page.Path != web.StagePath || !visitor.Publish || !visitor.Subscribe {
		t.Errorf("expected a page with a token to publish and subscribe, saw %s, %v", s.Page, err)
	}
	link, err := url.ParseQuery(more)
	if err != nil || link.Get("stage") != "demo" {
		t.Errorf("expected the stage's name in the link, saw %s, %v", more, err)
	}
	if second, err := realtime.ReadToken(link.Get("invite")); err != nil || second.ParticipantID == visitor.ParticipantID {
		t.Errorf("expected an invitation of another visitor, saw %s, %v", more, err)
	}
	frames := map[string]uint64{}
	for {
		var v view
		err := lines.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		frames[v.Name] += v.Frames
		if frames[participants[0]] > 0 && frames[participants[1]] > 0 {
			seen()
		}
	}
	if err := <-exited; err != nil || stderr.Len() > 0 {
		t.Fatalf("%v, %s", err, stderr.String())
	}
	for _, name := range participants {
		if frames[name] == 0 {
			t.Errorf("expected pictures of %s, saw %v", name, frames)
		}
	}
}

func TestDemo_ReturnsWhyTheServerCannotStart(t *testing.T) {
	err := Run(t.Context(), Config{Listen: "nonsense", MediaPort: "0"}, Output{Log: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "not an address of the form HOST:PORT") {
		t.Errorf("expected the server's reason, saw %v", err)
	}
}

func TestPassLine_KeepsNothingOfALineWithoutEnd(t *testing.T) {
	const length = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := passLine(io.LimitReader(endless{}, length))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; found || used > length/4 {
		t.Errorf("expected no end of the line and no memory of it, saw %v and %d bytes", found, used)
	}
	if !passLine(strings.NewReader("go on\nand on")) {
		t.Error("expected the end of the line")
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
