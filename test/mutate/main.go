// Command mutate runs mutation tests with gremlins: each mutant is a copy of the
// code with one operator changed, and some test must fail on it. A mutant that
// no test can tell from the code is listed in equivalent.txt with the reason.
//
//	go run ./test/mutate [PACKAGE …]
//
// It fails when less than 97 % of a target's mutants are killed, and when
// equivalent.txt names a mutant that is killed or no longer there.
//
// gremlins takes the conditions of a switch without a value for uncovered and
// never tries them. So go is called through a wrapper here that reports every
// line as covered: a mutant that no test reaches then lives.
package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	gremlins = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"
	required = 97.0 // percent of a target's mutants, equivalent ones left out
)

// A target is code whose mutants are tried.
type target struct {
	folder string
	files  []string // all when empty
	tests  string   // a pattern of the tests that count, all when empty
}

var targets = []target{
	{folder: "internal/policy"},
	{folder: "internal/sigv4"},
	{folder: "internal/token"},
	{folder: "internal/layout"},
	{folder: "internal/arn"},
	{folder: "internal/bandwidth"},
	{
		folder: "internal/sfu", tests: "Forwarder|LayerChoice",
		files: []string{"forwarder.go", "sequence_mapping.go", "used_numbers.go", "outage.go", "subscription_allocate.go", "viewer_allocate.go"},
	},
	{
		folder: "internal/event", tests: "Pattern",
		files: []string{"pattern.go", "pattern_cidr.go", "pattern_document.go", "pattern_match.go", "pattern_matcher.go", "pattern_number.go", "pattern_text.go"},
	},
	{folder: "internal/control", files: []string{"limits.go", "ratelimiter.go"}, tests: "Limit"},
	{folder: "internal/stage", files: []string{"quota.go", "session_slots.go"}, tests: "Quotas|Slots"},
	{folder: "internal/inbound", files: []string{"failures.go", "unidentified.go"}, tests: "Failures|Unidentified"},
	{folder: "internal/hls", files: []string{"playlist.go", "live_playlist.go"}},
}

//go:embed equivalent.txt
var equivalent string

// go's wrapper: the profile it writes covers all lines of the files in it.
const wrapper = `#!/bin/sh
[ "$1" = test ] && { shift; set -- test -vet=off -run "$MUTATE_TESTS" "$@"; }
"$MUTATE_GO" "$@" || exit
profile=
for arg; do
	[ "$profile" = next ] && profile=$arg
	[ "$arg" = -coverprofile ] && profile=next
done
[ -z "$profile" ] || sed -n 's/^\(.*\.go\):.*/\1:1.1,100000.1 1 1/p' "$profile" | sort -u >>"$profile"
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(chosen []string) error {
	work, err := os.MkdirTemp("", "mutate-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, name := range []string{"bin", "module"} {
		if err := os.Mkdir(filepath.Join(work, name), 0o755); err != nil {
			return err
		}
	}
	// gremlins copies the whole module for each worker: give it what git knows, no caches.
	files := exec.Command("sh", "-c", `git ls-files -co --exclude-standard -z | xargs -0 sh -c 'for f; do [ -f "$f" ] && echo "$f"; done; :' sh | tar -cf - -T - | tar -xf - -C "$0"`, filepath.Join(work, "module"))
	files.Stderr = os.Stderr
	if err := files.Run(); err != nil {
		return fmt.Errorf("copy the module: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, "bin", "go"), []byte(wrapper), 0o755); err != nil {
		return err
	}
	// go run would put the real go before the wrapper.
	install := exec.Command("go", "install", gremlins)
	install.Stderr, install.Env = os.Stderr, append(os.Environ(), "GOBIN="+filepath.Join(work, "bin"))
	if err := install.Run(); err != nil {
		return fmt.Errorf("install gremlins: %w", err)
	}
	var failed []error
	for _, t := range targets {
		if len(chosen) > 0 && !slices.Contains(chosen, t.folder) {
			continue
		}
		lived, killed, err := t.try(work)
		if err == nil {
			err = t.report(lived, killed)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// A mutant is one change, named by the line with the operator marked and without its
// comment: it keeps its name when lines are added elsewhere.
type mutant struct {
	file, kind, line string
	number           int // of the line
	timedOut         bool
}

func (m mutant) String() string { return m.file + " " + m.kind + " " + m.line }

// try runs a target's mutants.
func (t target) try(work string) (lived, killed []mutant, err error) {
	module, report := filepath.Join(work, "module"), filepath.Join(work, "report.json")
	args := []string{"unleash", "--silent", "--timeout-coefficient", "20", "-o", report}
	others, err := fs.Glob(os.DirFS(filepath.Join(module, t.folder)), "*.go")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range others {
		if len(t.files) > 0 && !slices.Contains(t.files, name) && !strings.HasSuffix(name, "_test.go") {
			args = append(args, "-E", `(^|/)`+strings.ReplaceAll(name, ".", `\.`)+`$`)
		}
	}
	real, err := exec.LookPath("go")
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(filepath.Join(work, "bin", "gremlins"), append(args, "./"+t.folder)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = module, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MUTATE_GO="+real, "MUTATE_TESTS="+t.tests, "PATH="+filepath.Join(work, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := cmd.Run(); err != nil {
		return nil, nil, fmt.Errorf("%s: gremlins: %w", t.folder, err)
	}
	return read(report, filepath.Join(module, t.folder), t.folder)
}

func read(report, source, folder string) (lived, killed []mutant, err error) {
	text, err := os.ReadFile(report)
	if err != nil {
		return nil, nil, err
	}
	var all struct {
		Files []struct {
			Name      string `json:"file_name"`
			Mutations []struct {
				Type, Status string
				Line, Column int
			}
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, nil, err
	}
	for _, f := range all.Files {
		name := filepath.Base(f.Name)
		code, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return nil, nil, err
		}
		lines := strings.Split(string(code), "\n")
		for _, m := range f.Mutations {
			before, after := lines[m.Line-1][:m.Column-1], lines[m.Line-1][m.Column-1:]
			after, _, _ = strings.Cut(after, " //")
			one := mutant{folder + "/" + name, m.Type, strings.TrimSpace(before + "»" + after), m.Line, m.Status == "TIMED OUT"}
			switch m.Status {
			case "KILLED", "TIMED OUT":
				killed = append(killed, one)
			case "LIVED", "NOT COVERED":
				lived = append(lived, one)
			}
		}
	}
	return lived, killed, nil
}

// report prints the mutants that live and compares them with equivalent.txt.
func (t target) report(lived, killed []mutant) error {
	listed := map[string]bool{}
	for line := range strings.Lines(equivalent) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), "  # "); ok && strings.HasPrefix(name, t.folder+"/") {
			listed[strings.TrimSpace(name)] = true
		}
	}
	var open []mutant
	for _, m := range lived {
		if !listed[m.String()] {
			open = append(open, m)
		}
	}
	for _, m := range lived {
		delete(listed, m.String())
	}
	slices.SortFunc(open, func(a, b mutant) int { return cmp.Or(strings.Compare(a.file, b.file), a.number-b.number) })
	for _, m := range open {
		fmt.Printf("lives: %v (line %d)\n", m, m.number)
	}
	timedOut := 0
	for _, m := range killed {
		if m.timedOut {
			timedOut++
			fmt.Printf("times out: %v (line %d)\n", m, m.number)
		}
	}
	share := 100 * float64(len(killed)) / float64(max(1, len(killed)+len(open)))
	fmt.Printf("%s: %d killed, %d of them by a timeout, %d live, %d equivalent: %.1f %%\n", t.folder, len(killed), timedOut, len(open), len(lived)-len(open), share)
	var failed []error
	for name := range listed {
		failed = append(failed, fmt.Errorf("equivalent.txt names a mutant that is killed or no longer there: %s", name))
	}
	if share < required {
		failed = append(failed, fmt.Errorf("%s: %.1f %% are killed, not %.0f %%", t.folder, share, required))
	}
	return errors.Join(failed...)
}
