package main

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"testing"

	"rostrum/internal/admin"
	"rostrum/internal/peer"
)

func TestDemo_ShowsBothPerformersAndAPageForAVisitor(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"demo", "--json", "--listen", "127.0.0.1:0", "--media-port", "0", "--size", "640x360", "--duration", "4s"}, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
	lines := json.NewDecoder(strings.NewReader(stdout.String()))
	var s scene
	if err := lines.Decode(&s); err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(s.Page)
	if err != nil {
		t.Fatal(err)
	}
	visitor, err := peer.ReadToken(page.Fragment)
	if err != nil || page.Path != admin.PagePath || !visitor.Publish || !visitor.Subscribe {
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
