package policy

import (
	"strings"
	"testing"
	"time"
)

func TestGlob_Matches(t *testing.T) {
	cases := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything", true},
		{"**", "a", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "ä", true},
		{"?", "ab", false},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"a*bc", "abcbc", true},
		{"*ab?", "ababc", true},
		{"*?", "", false},
		{"*?", "ä", true},
		{"*?b", "äb", true},
		{"*?ä?*", "aäb", true},
		{"*??*", "a", false},
		{"?*?", "ab", true},
		{"?*?", "a", false},
		{"a?c*e", "abcde", true},
		{"a*?c", "abc", true},
		{"a*?c", "ac", false},
	}
	for _, c := range cases {
		if got := glob(wildcards.Replace(c.pattern), c.text); got != c.want {
			t.Errorf("%q matches %q: got %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

// The patterns that bring a backtracking matcher to its knees.
func TestGlob_IsNeverExponential(t *testing.T) {
	text := strings.Repeat("a", 2048)
	start := time.Now()
	for _, pattern := range []string{
		strings.Repeat("*a", 1500) + "*b",
		strings.Repeat("a*", 1500) + "b",
		strings.Repeat("*?", 1500) + "b",
		"*" + strings.Repeat("?", 1000) + "b",
		"*" + strings.Repeat("a", 1000) + "?b*",
	} {
		if glob(wildcards.Replace(pattern), text) {
			t.Errorf("%.20q… matched", pattern)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v, want well under a second", took)
	}
}

// plain is the textbook definition, exponential and obviously right.
func plain(pattern, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	switch pattern[0] {
	case '*':
		return plain(pattern[1:], text) || len(text) > 0 && plain(pattern, text[1:])
	case '?':
		return len(text) > 0 && plain(pattern[1:], text[1:])
	}
	return len(text) > 0 && pattern[0] == text[0] && plain(pattern[1:], text[1:])
}

func FuzzGlob(f *testing.F) {
	f.Add("a*?b*", "aäbb")
	f.Add("*?ab?*", "ababab")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		pattern, text = strings.ToValidUTF8(pattern, "?"), strings.ToValidUTF8(text, "?")
		if len(pattern) > 12 || len(text) > 16 {
			return
		}
		want := plain([]rune(pattern), []rune(text))
		if got := glob(wildcards.Replace(pattern), text); got != want {
			t.Errorf("%q matches %q: got %v, want %v", pattern, text, got, want)
		}
	})
}
