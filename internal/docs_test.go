package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A tree is what documents may refer to.
type tree struct {
	paths   map[string]bool // of files and folders, from the root of the module
	tests   []string        // names of tests, benchmarks and fuzz targets
	targets map[string]bool // of make
	source  string          // of all packages
}

var (
	testDeclaration = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)\(`)
	makeTarget      = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
)

func readTree(t *testing.T) tree {
	t.Helper()
	all := tree{paths: map[string]bool{}, targets: map[string]bool{}}
	var source strings.Builder
	for _, path := range trackedPaths(t) {
		for p := path; p != "."; p = filepath.Dir(p) {
			all.paths[p] = true
		}
	}
	for path, src := range trackedText(t) {
		switch {
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range testDeclaration.FindAllSubmatch(src, -1) {
				all.tests = append(all.tests, string(m[1]))
			}
		case strings.HasSuffix(path, ".go"):
			source.Write(src)
		case path == "Makefile":
			for _, m := range makeTarget.FindAllSubmatch(src, -1) {
				all.targets[string(m[1])] = true
			}
		}
	}
	all.source = source.String()
	return all
}

func (all tree) hasTest(name string) bool {
	prefix, open := strings.CutSuffix(name, "…")
	return slices.ContainsFunc(all.tests, func(test string) bool {
		return test == name || open && strings.HasPrefix(test, prefix)
	})
}

// hasMetric reports whether the source has a metric's name, or its end of two words or more:
// the beginning may be joined to it where the metric is declared.
func (all tree) hasMetric(name string) bool {
	for strings.Count(name, "_") > 0 {
		if strings.Contains(all.source, name) {
			return true
		}
		_, name, _ = strings.Cut(name, "_")
	}
	return false
}

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	repoPath   = regexp.MustCompile(`^(?:\.\./)?((?:cmd|internal|ivsrealtime|realtime|test|examples|deploy|docs|findings|web)(?:/[A-Za-z0-9_.-]+)*)/?$`)
	testName   = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*…?$`)
	makeCall   = regexp.MustCompile(`(?:^|[ (])make ([a-z][a-z0-9-]*)`)
	linkTarget = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)\s]*)?\)`)
	metricName = regexp.MustCompile(`^(?:rostrum|ivs|ivs_realtime)_[a-z0-9_]+[a-z0-9]$`)
)

// brokenReferences returns what a document names and the tree does not have.
func brokenReferences(path, text string, all tree) []string {
	var broken []string
	for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		if !all.paths[filepath.Join(filepath.Dir(path), m[1])] {
			broken = append(broken, "the link to "+m[1])
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		span := m[1]
		if p := repoPath.FindStringSubmatch(span); p != nil && !all.paths[p[1]] {
			broken = append(broken, "the path "+span)
		}
		if testName.MatchString(span) && !all.hasTest(span) {
			broken = append(broken, "the test "+span)
		}
		if metricName.MatchString(span) && !all.hasMetric(span) {
			broken = append(broken, "the metric "+span)
		}
		for _, call := range makeCall.FindAllStringSubmatch(span, -1) {
			if !all.targets[call[1]] {
				broken = append(broken, "make "+call[1])
			}
		}
	}
	return broken
}

func TestDocs_NameOnlyWhatIsThere(t *testing.T) {
	all := readTree(t)
	for path, src := range trackedText(t) {
		if strings.HasSuffix(path, ".md") && path != "CHANGELOG.md" {
			for _, b := range brokenReferences(path, string(src), all) {
				t.Errorf("%s names %s, which is not there", path, b)
			}
		}
	}
}

func TestDocs_FindsBrokenReferences(t *testing.T) {
	all := tree{
		paths: map[string]bool{"docs/a.md": true, "docs/b.md": true, "internal/sfu": true}, tests: []string{"TestX_HoldsIt"},
		targets: map[string]bool{"test": true}, source: `"rostrum_events_total"`,
	}
	for text, want := range map[string]int{
		"[b](b.md#part) `internal/sfu` `TestX_HoldsIt` `TestX_…` `make test` `rostrum_events_total`": 0,
		"[c](c.md)":              1,
		"`internal/room`":        1,
		"`TestY_HoldsIt`":        1,
		"`make nothing`":         1,
		"`rostrum_rooms_total`":  1,
		"[x](https://x.example)": 0,
	} {
		if got := brokenReferences("docs/a.md", text, all); len(got) != want {
			t.Errorf("%q: %d broken, expected %d: %q", text, len(got), want, got)
		}
	}
}

var goFile = regexp.MustCompile(`\b[a-z0-9_]+(?:/[a-z0-9_]+)*\.go\b`)

// Package comments say where to look; the files that they name must exist in the package.
func TestDocs_PackageCommentsNameFilesThatExist(t *testing.T) {
	for path, src := range trackedText(t) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		var comment *ast.CommentGroup = file.Doc
		for _, name := range goFile.FindAllString(comment.Text(), -1) {
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(path), name)); err != nil {
				t.Errorf("the package comment in %s names %s, which is not there", path, name)
			}
		}
	}
}
