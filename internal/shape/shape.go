// Package shape validates the structures of an API: a field's shape tag names an
// entry of the API's table, which constrains the values.
package shape

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Shape constrains a value. Check returns the problem with v, as the predicate of
// a sentence whose subject is the field; empty if v is valid. v is not a pointer.
type Shape struct {
	Check func(v reflect.Value) string
	Limits

	// Member, Key and Value name the shapes of items and entries; empty for none.
	Member, Key, Value string
}

// Limits are the constraints of a Check as data, for comparisons and generators.
type Limits struct {
	Min, Max int      // characters, items, entries, or the number itself; 0, 0 for a closed list of values
	Pattern  string   // anchored
	Values   []string // of a closed list
	Unique   bool
}

// ARN is the ARN of a resource; resource is a pattern for its type.
func ARN(resource string) Shape {
	return Text(1, 128, `arn:aws:ivs:[a-z0-9-]+:[0-9]+:`+resource+`/[a-zA-Z0-9-]+`)
}

// Text is a string of min to max characters that matches a pattern as a whole.
func Text(min, max int, pattern string) Shape {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return Shape{Limits: Limits{Min: min, Max: max, Pattern: pattern}, Check: func(v reflect.Value) string {
		s := v.String()
		n := utf8.RuneCountInString(s)
		switch {
		case n < min && min == max, n > max && min == max:
			return sprintf("has %d characters, must have exactly %d", n, min)
		case n < min:
			return sprintf("has %d characters, must have at least %d", n, min)
		case n > max:
			return sprintf("has %d characters, must have at most %d", n, max)
		case pattern != "" && !re.MatchString(s):
			return sprintf("is %q, must match %s", Shorten(s), pattern)
		}
		return ""
	}}
}

// Containing is a string that contains a match of a pattern.
func Containing(pattern string) Shape {
	re := regexp.MustCompile(pattern)
	return Shape{Limits: Limits{Pattern: `.*` + pattern + `.*`}, Check: func(v reflect.Value) string {
		if !re.MatchString(v.String()) {
			return "is not a PEM public key, must match " + pattern
		}
		return ""
	}}
}

// Unreserved refuses keys that begin with aws:, which AWS reserves.
func Unreserved(inner Shape) Shape {
	return Shape{Limits: inner.Limits, Check: func(v reflect.Value) string {
		if key := v.String(); len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
			return sprintf("is %q, must not begin with aws:, which is reserved", Shorten(key))
		}
		return inner.Check(v)
	}}
}

// Number is a number from min to max.
func Number(min, max int) Shape {
	return Shape{Limits: Limits{Min: min, Max: max}, Check: func(v reflect.Value) string {
		var n float64
		if v.CanInt() {
			n = float64(v.Int())
		} else {
			n = v.Float()
		}
		if !(n >= float64(min) && n <= float64(max)) { // NaN is invalid, too
			return sprintf("is %v, must be between %d and %d", v.Interface(), min, max)
		}
		return ""
	}}
}

// Even is an even number of a shape.
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

// OrEmpty is a shape or the empty string.
func OrEmpty(inner Shape) Shape {
	return Shape{Limits: Limits{Max: inner.Max, Pattern: `^$|^` + inner.Pattern + `$`}, Check: func(v reflect.Value) string {
		if v.Len() == 0 {
			return ""
		}
		return inner.Check(v)
	}}
}

// List has min to max items, each of the shape named member.
func List(min, max int, member string) Shape {
	return Shape{Limits: Limits{Min: min, Max: max}, Member: member,
		Check: func(v reflect.Value) string { return count(v.Len(), min, max, "items") }}
}

// Entries is a map with min to max entries.
func Entries(min, max int, key, value string) Shape {
	return Shape{Limits: Limits{Min: min, Max: max}, Key: key, Value: value,
		Check: func(v reflect.Value) string { return count(v.Len(), min, max, "entries") }}
}

func count(n, min, max int, what string) string {
	switch {
	case n < min:
		return sprintf("has %d %s, must have at least %d", n, what, min)
	case n > max:
		return sprintf("has %d %s, must have at most %d", n, what, max)
	}
	return ""
}

// Unique is a list without equal items.
func Unique(inner Shape) Shape {
	limits := inner.Limits
	limits.Unique = true
	return Shape{Limits: limits, Member: inner.Member, Check: func(v reflect.Value) string {
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

// Sized is a map of strings with at most max bytes of UTF-8 in its keys and values.
func Sized(max int) Shape {
	return Shape{Check: func(v reflect.Value) string {
		n := 0
		for it := v.MapRange(); it.Next(); {
			n += len(it.Key().String()) + len(it.Value().String())
		}
		if n > max {
			return sprintf("has keys and values of %d bytes in total, must have at most %d", n, max)
		}
		return ""
	}}
}

// Exclusive returns the problem if several of the named members are given; empty
// otherwise.
func Exclusive(names string, given ...bool) string {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	if n > 1 {
		return sprintf("%d of %s are given, at most one is allowed", n, names)
	}
	return ""
}

// Shorten bounds an invalid value for messages and logs.
func Shorten(s string) string {
	const max = 64
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	return string([]rune(s)[:max]) + "…"
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
