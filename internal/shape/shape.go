// Package shape says what the values of an API may be, as tables of words, and
// holds structures against them: the word in a field's shape tag is looked up in
// the table of its API.
package shape

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Shape says what a value may be. Check tells what is wrong with v, as the
// predicate of a sentence whose subject is the field; empty when all is well.
// v is never a pointer.
type Shape struct {
	Check func(v reflect.Value) string
	Limits

	// Member, Key and Value name the shapes of what is inside; empty for none.
	Member, Key, Value string
}

// Limits are what Check holds, as data: for those who compare or translate it.
type Limits struct {
	Least, Most int      // characters, items, entries, or the number itself; 0, 0 for a closed list of values
	Pattern     string   // anchored
	Values      []string // of a closed list
	Unique      bool
}

// ARN is the name of a resource of a type, which is a pattern.
func ARN(resource string) Shape {
	return Text(1, 128, `arn:aws:ivs:[a-z0-9-]+:[0-9]+:`+resource+`/[a-zA-Z0-9-]+`)
}

// Text is a string of so many characters that matches a pattern whole.
func Text(least, most int, pattern string) Shape {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return Shape{Limits: Limits{Least: least, Most: most, Pattern: pattern}, Check: func(v reflect.Value) string {
		s := v.String()
		n := utf8.RuneCountInString(s)
		switch {
		case n < least && least == most, n > most && least == most:
			return sprintf("has %d characters, must have exactly %d", n, least)
		case n < least:
			return sprintf("has %d characters, must have at least %d", n, least)
		case n > most:
			return sprintf("has %d characters, must have at most %d", n, most)
		case pattern != "" && !re.MatchString(s):
			return sprintf("is %q, must match %s", Shorten(s), pattern)
		}
		return ""
	}}
}

// Containing is a string with a part that matches.
func Containing(pattern string) Shape {
	re := regexp.MustCompile(pattern)
	return Shape{Limits: Limits{Pattern: `.*` + pattern + `.*`}, Check: func(v reflect.Value) string {
		if !re.MatchString(v.String()) {
			return "is no PEM public key, must match " + pattern
		}
		return ""
	}}
}

// Unreserved refuses the keys that only AWS itself may set and take away.
func Unreserved(inner Shape) Shape {
	return Shape{Limits: inner.Limits, Check: func(v reflect.Value) string {
		if key := v.String(); len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
			return sprintf("is %q, must not begin with aws:, which is reserved", Shorten(key))
		}
		return inner.Check(v)
	}}
}

// Number is a number within bounds.
func Number(least, most int) Shape {
	return Shape{Limits: Limits{Least: least, Most: most}, Check: func(v reflect.Value) string {
		var n float64
		if v.CanInt() {
			n = float64(v.Int())
		} else {
			n = v.Float()
		}
		if !(n >= float64(least) && n <= float64(most)) { // NaN is outside too
			return sprintf("is %v, must be between %d and %d", v.Interface(), least, most)
		}
		return ""
	}}
}

// Even takes only even numbers of inner.
func Even(inner Shape) Shape {
	return Shape{Limits: inner.Limits, Check: func(v reflect.Value) string {
		if problem := inner.Check(v); problem != "" {
			return problem
		}
		if v.Int()%2 != 0 {
			return sprintf("is %d, must be even", v.Int())
		}
		return ""
	}}
}

// OneOf is one of a closed list of values.
func OneOf[T ~string](values ...T) Shape {
	allowed := make([]string, len(values))
	for i, v := range values {
		allowed[i] = string(v)
	}
	return Shape{Limits: Limits{Values: allowed}, Check: func(v reflect.Value) string {
		for _, a := range allowed {
			if v.String() == a {
				return ""
			}
		}
		return sprintf("is %q, must be one of [%s]", Shorten(v.String()), strings.Join(allowed, ", "))
	}}
}

// OrEmpty takes the empty string, too.
func OrEmpty(inner Shape) Shape {
	return Shape{Limits: Limits{Most: inner.Most, Pattern: `^$|^` + inner.Pattern + `$`}, Check: func(v reflect.Value) string {
		if v.Len() == 0 {
			return ""
		}
		return inner.Check(v)
	}}
}

// List has so many items, each of the shape named by member.
func List(least, most int, member string) Shape {
	return Shape{Limits: Limits{Least: least, Most: most}, Member: member,
		Check: func(v reflect.Value) string { return count(v.Len(), least, most, "items") }}
}

// Entries is a map of so many entries.
func Entries(least, most int, key, value string) Shape {
	return Shape{Limits: Limits{Least: least, Most: most}, Key: key, Value: value,
		Check: func(v reflect.Value) string { return count(v.Len(), least, most, "entries") }}
}

func count(n, least, most int, what string) string {
	switch {
	case n < least:
		return sprintf("has %d %s, must have at least %d", n, what, least)
	case n > most:
		return sprintf("has %d %s, must have at most %d", n, what, most)
	}
	return ""
}

// Unique is a list without equal items.
func Unique(inner Shape) Shape {
	held := inner.Limits
	held.Unique = true
	return Shape{Limits: held, Member: inner.Member, Check: func(v reflect.Value) string {
		if problem := inner.Check(v); problem != "" {
			return problem
		}
		for i := range v.Len() {
			for j := range i {
				if reflect.DeepEqual(v.Index(i).Interface(), v.Index(j).Interface()) {
					return sprintf("has equal items at %d and %d, must be unique", j, i)
				}
			}
		}
		return ""
	}}
}

// Sized is a map of strings whose keys and values together have at most so many bytes of UTF-8.
func Sized(most int) Shape {
	return Shape{Check: func(v reflect.Value) string {
		n := 0
		for it := v.MapRange(); it.Next(); {
			n += len(it.Key().String()) + len(it.Value().String())
		}
		if n > most {
			return sprintf("has keys and values of %d bytes in total, must have at most %d", n, most)
		}
		return ""
	}}
}

// AtMostOne is the problem with a structure in which several of these are given.
func AtMostOne(names string, given ...bool) string {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	if n > 1 {
		return sprintf("%d of %s are given, at most one may be", n, names)
	}
	return ""
}

// Shorten keeps a bad value from filling the log it is printed in.
func Shorten(s string) string {
	const most = 64
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
