package main

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/web"
)

func TestDemo_ShowsBothPerformersAndAPageForAVisitor(t *testing.T) {
	ctx, seen := context.WithTimeout(t.Context(), 30*time.Second) // the demo ends once both are seen
	defer seen()
	var stderr strings.Builder
	stdout, out := io.Pipe()
	defer stdout.Close()
	exited := make(chan int, 1)
	go func() {
		exited <- run(ctx, []string{"demo", "--json", "--listen", "127.0.0.1:0", "--media-port", "0", "--size", "640x360"}, out, &stderr)
		out.Close()
	}()
	lines := json.NewDecoder(stdout)
	var s scene
	if err := lines.Decode(&s); err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(s.Page)
	if err != nil {
		t.Fatal(err)
	}
	visitor, err := peer.ReadToken(page.Fragment)
	if err != nil || page.Path != web.StagePath || !visitor.Publish || !visitor.Subscribe {
		t.Errorf("expected a page with a token to publish and subscribe, saw %s, %v", s.Page, err)
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
		if frames[performers[0]] > 0 && frames[performers[1]] > 0 {
			seen()
		}
	}
	if code := <-exited; code != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
	for _, name := range performers {
		if frames[name] == 0 {
			t.Errorf("expected pictures of %s, saw %v", name, frames)
		}
	}
}

func TestDemo_TellsWhyItCouldNotStart(t *testing.T) {
	_, stderr, code := finish(t, rostrum(t, "demo", "--listen", "nonsense"))
	if code == exitOK || !strings.Contains(stderr, "no address of the form HOST:PORT") {
		t.Errorf("expected the server's reason, saw exit %d and %q", code, stderr)
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
