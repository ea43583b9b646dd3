package internal_test

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// wordList names the words that the project no longer uses.
const wordList = "internal/retired_words.txt"

// plainSince is the last commit whose subject need not name its area.
const plainSince = "ca5b0449"

// A retiredWord is one line of wordList. Its parts are the word in small letters, split
// where an identifier would be.
type retiredWord struct {
	parts   []string
	text    bool     // retired in all text, not in names alone
	folders []string // of names; none means everywhere
	instead string
}

func (w retiredWord) String() string { return strings.Join(w.parts, " ") }

// appliesTo reports whether w is retired in the names of a file.
func (w retiredWord) appliesTo(path string) bool {
	return len(w.folders) == 0 || slices.ContainsFunc(w.folders, func(dir string) bool {
		return strings.HasPrefix(path, dir+"/")
	})
}

// in reports whether the parts of w follow each other in words.
func (w retiredWord) in(words []string) bool {
	for i := 0; i+len(w.parts) <= len(words); i++ {
		if slices.Equal(words[i:i+len(w.parts)], w.parts) {
			return true
		}
	}
	return false
}

func parseRetiredWords(list string) ([]retiredWord, error) {
	var words []retiredWord
	for number, line := range strings.Split(list, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "·")
		if len(columns) != 3 {
			return nil, fmt.Errorf("line %d has %d columns, expected word · where · instead", number+1, len(columns))
		}
		w := retiredWord{parts: strings.Fields(columns[0]), instead: strings.TrimSpace(columns[2])}
		switch where := strings.Fields(columns[1]); {
		case slices.Equal(where, []string{"text"}):
			w.text = true
		case len(where) > 0 && len(where) < 3 && where[0] == "names":
			if len(where) == 2 {
				w.folders = strings.Split(where[1], ",")
			}
		default:
			return nil, fmt.Errorf("line %d: %q is no place, expected text, names or names DIR,DIR", number+1, columns[1])
		}
		words = append(words, w)
	}
	return words, nil
}

// splitName returns the words of an identifier or a file name in small letters:
// "maxStreams" and "max_streams" are both max, streams.
func splitName(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return words
}

var textWord = regexp.MustCompile(`[A-Za-z]+`)

// scriptName matches what may be an identifier of JavaScript, TypeScript or C.
var scriptName = regexp.MustCompile(`[A-Za-z_$][A-Za-z0-9_$]*`)

// scriptText matches comments and strings of JavaScript, TypeScript and C.
var scriptText = regexp.MustCompile("(?s)/\\*.*?\\*/|//[^\n]*|\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*'|`(?:[^`\\\\]|\\\\.)*`")

// names returns the identifiers of a source file, each once.
func names(path string, src []byte) []string {
	var found []string
	switch filepath.Ext(path) {
	case ".go":
		var s scanner.Scanner
		set := token.NewFileSet()
		s.Init(set.AddFile(path, set.Base(), len(src)), src, func(token.Position, string) {}, 0)
		for {
			_, kind, text := s.Scan()
			if kind == token.EOF {
				break
			}
			if kind == token.IDENT {
				found = append(found, text)
			}
		}
	case ".js", ".mjs", ".ts", ".tsx", ".c", ".h":
		found = scriptName.FindAllString(scriptText.ReplaceAllString(string(src), " "), -1)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// retiredIn returns what a file holds of retired words, a line for each.
func retiredIn(path string, src []byte, retired []retiredWord) []string {
	var found []string
	for number, line := range strings.Split(string(src), "\n") {
		words := splitText(line)
		for _, w := range retired {
			if w.text && w.in(words) {
				found = append(found, fmt.Sprintf("%s:%d: %q: write %s", path, number+1, w, w.instead))
			}
		}
	}
	for _, name := range append(names(path, src), filepath.Base(path)) {
		words := splitName(name)
		for _, w := range retired {
			if w.in(words) && w.appliesTo(path) {
				found = append(found, fmt.Sprintf("%s: %s: %q: write %s", path, name, w, w.instead))
			}
		}
	}
	return found
}

// splitText returns the words of a line of text, those of names in it included.
func splitText(line string) []string {
	var words []string
	for _, word := range textWord.FindAllString(line, -1) {
		words = append(words, splitName(word)...)
	}
	return words
}

// notOurs reports whether the words of a file are not ours to choose.
func notOurs(path string) bool {
	return path == wordList || path == "internal/vocabulary_test.go" || path == "LICENSE" || path == "CHANGELOG.md" ||
		strings.HasSuffix(path, "package-lock.json") || strings.HasSuffix(path, "go.sum") ||
		strings.Contains(path, "/hls.js/") || strings.HasPrefix(path, "internal/web/console/") || strings.Contains(path, "/testdata/")
}

// trackedText returns the tracked text files, by their path from the root of the module.
func trackedText(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, path := range trackedPaths(t) {
		src, err := os.ReadFile(filepath.Join("..", path))
		if err != nil || bytes.IndexByte(src, 0) >= 0 {
			continue // deleted in the work tree, or binary
		}
		files[path] = src
	}
	return files
}

// trackedPaths are the paths of all files of the repository.
func trackedPaths(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", "..", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("not a git work tree: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}

func TestVocabulary_RetiredWords(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("..", wordList))
	if err != nil {
		t.Fatal(err)
	}
	retired, err := parseRetiredWords(string(list))
	if err != nil {
		t.Fatalf("%s: %v", wordList, err)
	}
	var found []string
	for path, src := range trackedText(t) {
		if !notOurs(path) {
			found = append(found, retiredIn(path, src, retired)...)
		}
	}
	slices.Sort(found)
	for _, f := range found {
		t.Error(f)
	}
}

func TestVocabulary_FindsWordsInNamesAndText(t *testing.T) {
	retired, err := parseRetiredWords("# note\nhush · text · silence\ngave up · names · failed\nclaim · names internal/sfu · request\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, src string
		want      int
	}{
		{"a/b.go", "package b\n// a hushed word\n", 0},
		{"a/b.go", "package b\n// Hush now\n", 1},
		{"a/b.go", "package b\nvar layerHush int\n", 2}, // as text and as a name
		{"a/b.go", "package b\nvar x = `hush`\n", 1},
		{"a/b.go", "package b\n// they gave up\nvar gaveUp, upGave int\n", 1},
		{"a/b.go", "package b\nvar claim int\n", 0},
		{"internal/sfu/b.go", "package b\nvar Claim int // a claim\n", 1},
		{"a/gave_up.go", "package b\n", 1},
		{"a/b.mjs", "const gaveUp = 'gaveUp' // gaveUp\n", 1},
		{"a/b.md", "a claim; hush\n", 1},
	} {
		if got := retiredIn(c.path, []byte(c.src), retired); len(got) != c.want {
			t.Errorf("%s %q: found %d, expected %d: %q", c.path, c.src, len(got), c.want, got)
		}
	}
	for _, bad := range []string{"hush", "hush · everywhere · silence", "hush · names a b · silence"} {
		if _, err := parseRetiredWords(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

var plainSubject = regexp.MustCompile(`^[a-z0-9][a-z0-9/,_.-]*: \S`)

func TestVocabulary_CommitSubjectsNameTheirArea(t *testing.T) {
	out, err := exec.Command("git", "-C", "..", "log", "--no-merges", "--format=%h %s", plainSince+"..HEAD").Output()
	if err != nil {
		t.Skipf("no history as far back as %s: %v", plainSince, err)
	}
	for line := range strings.Lines(string(out)) {
		hash, subject, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !plainSubject.MatchString(subject) || len([]rune(subject)) > 72 {
			t.Errorf("%s %q: expected \"area: what changes\" in at most 72 characters", hash, subject)
		}
	}
}
