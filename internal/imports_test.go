// Package internal_test checks the whole module: which package may import which, the words
// that are used, and what the documents refer to.
package internal_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// levels gives every package its level. Imports point down; docs/architecture.md draws the
// same picture.
var levels = map[string]int{
	"rostrum/ivsrealtime":          0,
	"rostrum/internal/arn":         0,
	"rostrum/internal/shape":       0,
	"rostrum/internal/wire":        0,
	"rostrum/internal/ivs":         0,
	"rostrum/internal/sigv4":       0,
	"rostrum/internal/policy":      0,
	"rostrum/internal/token":       0,
	"rostrum/internal/media":       0,
	"rostrum/internal/layout":      0,
	"rostrum/internal/outbound":    0,
	"rostrum/internal/inbound":     0,
	"rostrum/internal/durable":     0,
	"rostrum/internal/sdp":         1,
	"rostrum/internal/sfu":         1,
	"rostrum/internal/bandwidth":   1,
	"rostrum/internal/codec":       1,
	"rostrum/internal/compositor":  1,
	"rostrum/internal/hls":         1,
	"rostrum/internal/rtmp":        1,
	"rostrum/internal/store":       1,
	"rostrum/internal/bucket":      1,
	"rostrum/internal/bus":         1,
	"rostrum/internal/event":       1,
	"rostrum/internal/certificate": 1,
	"rostrum/internal/eventlog":    1,
	"rostrum/internal/authority":   2,
	"rostrum/internal/node":        2,
	"rostrum/internal/proxy":       2,
	"rostrum/internal/relay":       2,
	"rostrum/internal/stage":       2,
	"rostrum/internal/worker":      2,
	"rostrum/internal/mediajob":    2,
	"rostrum/internal/composition": 2,
	"rostrum/internal/recorder":    2,
	"rostrum/internal/recording":   2,
	"rostrum/internal/channel":     2,
	"rostrum/internal/container":   1,
	"rostrum/internal/testpattern": 1,
	"rostrum/realtime":             2,
	"rostrum/internal/peer":        2,
	"rostrum/internal/loadtest":    2,
	"rostrum/internal/operator":    2,
	"rostrum/internal/quality":     2,
	"rostrum/internal/target":      2,
	"rostrum/internal/control":     3,
	"rostrum/internal/seed":        3,
	"rostrum/internal/api":         4,
	"rostrum/internal/signaling":   4,
	"rostrum/internal/ingest":      4,
	"rostrum/internal/admin":       4,
	"rostrum/internal/web":         4,
	"rostrum/internal/console":     4,
	"rostrum/internal/config":      5,
	"rostrum/internal/server":      5,
	"rostrum/internal/doctor":      5,
	"rostrum/internal/demo":        5,
	"rostrum/cmd/rostrum":          6,
	"rostrum/cmd/rostrum-media":    6,
}

// sameLevel lists the imports that are allowed between packages of one level.
var sameLevel = map[[2]string]bool{
	{"sfu", "bandwidth"}:         true,
	{"sfu", "sdp"}:               true,
	{"compositor", "codec"}:      true,
	{"stage", "authority"}:       true,
	{"stage", "node"}:            true,
	{"stage", "relay"}:           true,
	{"channel", "node"}:          true,
	{"composition", "authority"}: true,
	{"mediajob", "worker"}:       true,
	{"mediajob", "realtime"}:     true,
	{"composition", "worker"}:    true,
	{"composition", "node"}:      true,
	{"composition", "recorder"}:  true,
	{"composition", "channel"}:   true,
	{"recorder", "stage"}:        true,
	{"quality", "stage"}:         true,
	{"recorder", "node"}:         true,
	{"recorder", "worker"}:       true,
	{"recorder", "realtime"}:     true,
	{"recording", "worker"}:      true,
	{"peer", "realtime"}:         true,
	{"ivsrealtime", "token"}:     true,
	{"ivsrealtime", "arn"}:       true,
	{"ivsrealtime", "shape"}:     true,
	{"ivs", "ivsrealtime"}:       true,
	{"wire", "ivs"}:              true,
	{"wire", "ivsrealtime"}:      true,
	{"ivs", "shape"}:             true,
	{"store", "event"}:           true,
	{"testpattern", "container"}: true,
	{"loadtest", "realtime"}:     true,
	{"server", "config"}:         true,
	{"server", "doctor"}:         true,
	{"demo", "config"}:           true,
	{"demo", "server"}:           true,
	{"doctor", "config"}:         true,
}

// engines speak media and plain ids: these imports are closed to them.
var engines = map[string]bool{"sdp": true, "sfu": true, "bandwidth": true, "codec": true, "compositor": true, "hls": true, "rtmp": true}

var notForEngines = []string{"rostrum/ivsrealtime", "net/http", "database/sql", "rostrum/internal/store", "rostrum/internal/bucket", "rostrum/internal/event"}

// thirdParty says which packages may import a module of others outside tests.
var thirdParty = []struct {
	prefix    string
	importers []string
}{
	{"github.com/pion/rtp", []string{"sfu", "media", "realtime", "bandwidth", "ingest", "container", "loadtest", "recorder"}},
	{"github.com/pion/sdp", []string{"sdp", "realtime"}},
	{"github.com/pion/webrtc", []string{"realtime"}},
	{"github.com/pion/opus", []string{"examples"}}, // decodes without cgo
	{"github.com/pion/interceptor", []string{"realtime", "loadtest"}},
	{"github.com/pion/", []string{"sfu", "media", "realtime", "loadtest", "relay"}}, // relay: the replay window
	{"modernc.org/sqlite", []string{"store"}},
	{"github.com/jackc/pgx", []string{"store"}},
	{"github.com/pressly/goose", []string{"store"}},
	{"github.com/bluenviron/gohlslib", []string{"recording"}}, // it reads playlists, as another reader than package hls
	{"github.com/bluenviron/gortmplib", []string{"rtmp"}},
	{"database/sql", []string{"store"}},
	{"github.com/aws/aws-sdk-go-v2/service/s3", []string{"bucket"}},
	{"github.com/aws/aws-sdk-go-v2/service/eventbridge", []string{"event"}},
	{"github.com/pires/go-proxyproto", []string{"inbound"}},
	{"golang.org/x/crypto/acme", []string{"certificate"}},
	{"golang.org/x/image", []string{"testpattern"}},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "rostrum/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("go list found %d packages, expected the whole module", len(all))
	}
	return all
}

// short returns the short name of one of our packages: "sfu" for rostrum/internal/sfu. A
// package below it (its embedded data, say) has the same name.
func short(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "rostrum/"), "internal/")
	if !strings.HasPrefix(path, "cmd/") {
		path, _, _ = strings.Cut(path, "/")
	}
	return path
}

func level(path string) (int, bool) {
	for p := path; p != "rostrum" && strings.Contains(p, "/"); p = p[:strings.LastIndexByte(p, '/')] {
		if n, ok := levels[p]; ok {
			return n, true
		}
	}
	return 0, false
}

func TestImports_ImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "rostrum/test/") || strings.HasPrefix(p.ImportPath, "rostrum/examples") || strings.HasPrefix(p.ImportPath, "rostrum/deploy/") || p.ImportPath == "rostrum/internal" {
			continue
		}
		mine, ok := level(p.ImportPath)
		if !ok {
			t.Errorf("%s has no level: add it to imports_test.go", p.ImportPath)
			continue
		}
		from := short(p.ImportPath)
		for _, imp := range p.Imports {
			theirs, ours := level(imp)
			if !ours || short(imp) == from {
				continue
			}
			switch {
			case theirs > mine:
				t.Errorf("%s (level %d) imports %s (level %d): imports point down", p.ImportPath, mine, imp, theirs)
			case theirs == mine && !sameLevel[[2]string{from, short(imp)}]:
				t.Errorf("%s imports %s of the same level, which imports_test.go does not list", p.ImportPath, imp)
			}
		}
	}
}

func TestImports_EnginesUseNoHTTPAndNoStorage(t *testing.T) {
	for _, p := range packages(t) {
		if !engines[short(p.ImportPath)] {
			continue
		}
		for _, imp := range p.Imports {
			for _, closed := range notForEngines {
				if imp == closed {
					t.Errorf("engine %s imports %s", p.ImportPath, imp)
				}
			}
		}
	}
}

func TestImports_ThirdPartyPackagesStayInOnePackage(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "rostrum/test/") {
			continue
		}
	imports:
		for _, imp := range p.Imports {
			for _, g := range thirdParty {
				if imp != g.prefix && !strings.HasPrefix(imp, strings.TrimSuffix(g.prefix, "/")+"/") {
					continue
				}
				for _, r := range g.importers {
					if r == short(p.ImportPath) {
						continue imports
					}
				}
				t.Errorf("%s imports %s, which only %v may import", p.ImportPath, imp, g.importers)
				continue imports
			}
		}
	}
}

func TestImports_RostrumBuildsWithoutCgo(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if .CgoFiles}}{{.ImportPath}}{{end}}", "rostrum/cmd/rostrum")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if s := strings.TrimSpace(string(out)); s != "" {
		t.Errorf("cmd/rostrum needs cgo through:\n%s", s)
	}
}

// docs/architecture.md draws the levels; each package must stand at its own.
func TestImports_ArchitectureShowsTheLevels(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]int{}
	for line := range strings.Lines(string(page)) {
		words := strings.Fields(line)
		if len(words) < 2 || len(words[0]) != 1 || words[0] < "0" || words[0] > "9" {
			continue
		}
		for _, name := range words[1:] {
			drawn[name] = int(words[0][0] - '0')
		}
	}
	for path, level := range levels {
		if got, ok := drawn[short(path)]; !ok || got != level {
			t.Errorf("docs/architecture.md shows %s at level %d (shown: %t), expected %d", short(path), got, ok, level)
		}
	}
	if len(drawn) != len(levels) {
		t.Errorf("docs/architecture.md shows %d packages, imports_test.go has %d", len(drawn), len(levels))
	}
}
