package event

import (
	"errors"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// textComparisons are the comparisons of strings. An error says what is wrong with the operand.
var textComparisons = map[string]func(operand string) (matches func(string) bool, err error){
	"exactly": func(s string) (func(string) bool, error) {
		return func(x string) bool { return x == s }, nil
	},
	"prefix": func(s string) (func(string) bool, error) {
		return func(x string) bool { return strings.HasPrefix(x, s) }, nil
	},
	"suffix": func(s string) (func(string) bool, error) {
		return func(x string) bool { return strings.HasSuffix(x, s) }, nil
	},
	"equals-ignore-case": func(s string) (func(string) bool, error) {
		f := folded(s)
		return func(x string) bool {
			rest, ok := f.cutPrefix(x)
			return ok && rest == ""
		}, nil
	},
	"prefix equals-ignore-case": func(s string) (func(string) bool, error) {
		f := folded(s)
		return func(x string) bool {
			_, ok := f.cutPrefix(x)
			return ok
		}, nil
	},
	"suffix equals-ignore-case": func(s string) (func(string) bool, error) {
		return folded(s).isSuffix, nil
	},
	"wildcard": func(s string) (func(string) bool, error) {
		parts, err := parseWildcard(s)
		return func(x string) bool { return wildcard(parts, x) }, err
	},
}

// A folding has the two spellings of each character of an operand: lower and upper
// case. As in event-ruler, the operand alone is folded, not the value: "ß" matches
// "SS", "SS" does not match "ß".
type folding []struct{ lower, upper string }

func folded(s string) folding {
	f := make(folding, 0, len(s))
	lower, upper := cases.Lower(language.Und), cases.Upper(language.Und)
	for _, r := range s {
		one := struct{ lower, upper string }{string(r), string(r)}
		if r <= 0xffff { // event-ruler folds UTF-16 units, so nothing beyond the basic plane
			one.lower, one.upper = lower.String(one.lower), upper.String(one.upper)
		}
		f = append(f, one)
	}
	return f
}

func (f folding) cutPrefix(x string) (rest string, ok bool) {
	for _, c := range f {
		if rest, ok = strings.CutPrefix(x, c.lower); !ok {
			if rest, ok = strings.CutPrefix(x, c.upper); !ok {
				return x, false
			}
		}
		x = rest
	}
	return x, true
}

func (f folding) isSuffix(x string) bool {
	for i := len(f) - 1; i >= 0; i-- {
		rest, ok := strings.CutSuffix(x, f[i].lower)
		if !ok {
			if rest, ok = strings.CutSuffix(x, f[i].upper); !ok {
				return false
			}
		}
		x = rest
	}
	return true
}

// parseWildcard cuts a wildcard at its stars; \* is a star and \\ a backslash.
func parseWildcard(s string) ([]string, error) {
	parts := []string{""}
	star := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '\\'):
			i++
			parts[len(parts)-1] += string(s[i])
			star = false
		case s[i] == '\\':
			return nil, errors.New("has a backslash that is followed neither by * nor by another")
		case s[i] == '*' && star:
			return nil, errors.New("has two stars in a row")
		case s[i] == '*':
			parts = append(parts, "")
			star = true
		default:
			parts[len(parts)-1] += s[i : i+1]
			star = false
		}
	}
	return parts, nil
}

// wildcard finds the parts one after the other, the first at the beginning and
// the last at the end; greedy leftmost search is enough, so it is linear.
func wildcard(parts []string, x string) bool {
	if len(parts) == 1 {
		return x == parts[0]
	}
	x, ok := strings.CutPrefix(x, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, ok := strings.Cut(x, part)
		if !ok {
			return false
		}
		x = rest
	}
	return strings.HasSuffix(x, last)
}
