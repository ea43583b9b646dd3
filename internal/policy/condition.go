package policy

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is one key of one operator of a Condition block.
type condition struct {
	operator string // as in the document
	name     string // of the key, as in the document
	key      string // in lower case
	set      set
	ifExists bool
	negated  bool
	null     bool   // the operator is Null…
	absent   bool   // …and asks for the key to be absent
	tests    []test // one for each value in the document; one that matches is enough
}

// set is how an operator treats the several values of a key.
type set int

const (
	single set = iota
	forAll
	forAny
)

// test compares one value of the request with one of the document.
type test func(value string, ctx *Context) verdict

// holds reports whether the condition is met. deny is whether it is in a Deny
// statement: see the package comment on variables without a value.
func (c *condition) holds(ctx *Context, deny bool) bool {
	values := ctx.get(c.key)
	if c.null {
		return (len(values) == 0) == c.absent
	}
	if c.set != single {
		// A lone empty string is the null data set of the IAM guide.
		if len(values) == 0 || len(values) == 1 && values[0] == "" {
			return c.set == forAll
		}
	} else if len(values) == 0 {
		return c.ifExists || c.negated
	}
	every := c.set == forAll || c.set == single && c.negated
	for _, v := range values {
		if c.passes(v, ctx, deny) != every {
			return !every
		}
	}
	return every
}

func (c *condition) passes(value string, ctx *Context, deny bool) bool {
	unknown := false
	for _, t := range c.tests {
		switch t(value, ctx) {
		case yes:
			return !c.negated
		case unresolved:
			unknown = true
		}
	}
	if unknown && c.negated {
		return deny
	}
	return c.negated
}

// operator is a condition operator without its prefix and suffix.
type operator struct {
	negated bool
	// compile makes the test for one value of the document.
	compile func(text string, variables bool) (test, error)
}

// operators has the operators of the IAM guide, without Null.
var operators = map[string]operator{
	"StringEquals":              {false, compileText(func(a, b string) bool { return a == b })},
	"StringNotEquals":           {true, compileText(func(a, b string) bool { return a == b })},
	"StringEqualsIgnoreCase":    {false, compileText(strings.EqualFold)},
	"StringNotEqualsIgnoreCase": {true, compileText(strings.EqualFold)},
	"StringLike":                {false, compileLike},
	"StringNotLike":             {true, compileLike},
	"ArnEquals":                 {false, compileARNTest},
	"ArnLike":                   {false, compileARNTest},
	"ArnNotEquals":              {true, compileARNTest},
	"ArnNotLike":                {true, compileARNTest},
	"BinaryEquals":              {false, compileBinary},
	"Bool":                      {false, compileBool},
	"NumericEquals":             {false, compileNumber(func(c int) bool { return c == 0 })},
	"NumericNotEquals":          {true, compileNumber(func(c int) bool { return c == 0 })},
	"NumericLessThan":           {false, compileNumber(func(c int) bool { return c < 0 })},
	"NumericLessThanEquals":     {false, compileNumber(func(c int) bool { return c <= 0 })},
	"NumericGreaterThan":        {false, compileNumber(func(c int) bool { return c > 0 })},
	"NumericGreaterThanEquals":  {false, compileNumber(func(c int) bool { return c >= 0 })},
	"DateEquals":                {false, compileDate(func(c int) bool { return c == 0 })},
	"DateNotEquals":             {true, compileDate(func(c int) bool { return c == 0 })},
	"DateLessThan":              {false, compileDate(func(c int) bool { return c < 0 })},
	"DateLessThanEquals":        {false, compileDate(func(c int) bool { return c <= 0 })},
	"DateGreaterThan":           {false, compileDate(func(c int) bool { return c > 0 })},
	"DateGreaterThanEquals":     {false, compileDate(func(c int) bool { return c >= 0 })},
	"IpAddress":                 {false, compileIP},
	"NotIpAddress":              {true, compileIP},
}

func compileText(equal func(a, b string) bool) func(string, bool) (test, error) {
	return func(text string, variables bool) (test, error) {
		t, err := grammar{variables: variables}.compile(text)
		if err != nil {
			return nil, err
		}
		return func(value string, ctx *Context) verdict {
			want, ok := t.resolve(ctx)
			if !ok {
				return unresolved
			}
			return verdictOf(equal(want, value))
		}, nil
	}
}

func compileLike(text string, variables bool) (test, error) {
	t, err := grammar{wild: true, variables: variables}.compile(text)
	if err != nil {
		return nil, err
	}
	return func(value string, ctx *Context) verdict {
		pattern, ok := t.resolve(ctx)
		if !ok {
			return unresolved
		}
		return verdictOf(glob(pattern, value))
	}, nil
}

func compileARNTest(text string, variables bool) (test, error) {
	a, err := compileARN(text, variables)
	if err != nil {
		return nil, err
	}
	// One variable may have a whole ARN.
	if len(a) != arnSegments && (len(a) != 1 || a[0].constant() && !a.everything()) {
		return nil, fmt.Errorf(`%q is not an ARN of six segments, nor "*"`, text)
	}
	return a.matchSegments, nil
}

// compileBinary compares bytes; both sides are base64.
func compileBinary(text string, _ bool) (test, error) {
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not base64", text)
	}
	return func(value string, _ *Context) verdict {
		got, err := base64.StdEncoding.DecodeString(value)
		return verdictOf(err == nil && bytes.Equal(got, want))
	}, nil
}

func compileBool(text string, variables bool) (test, error) {
	t, err := grammar{variables: variables}.compile(text)
	if err != nil {
		return nil, err
	}
	if t.constant() && !isBool(text) {
		return nil, fmt.Errorf("%q is neither true nor false", text)
	}
	return func(value string, ctx *Context) verdict {
		want, ok := t.resolve(ctx)
		if !ok {
			return unresolved
		}
		return verdictOf(isBool(value) && strings.EqualFold(want, value))
	}, nil
}

func isBool(s string) bool {
	return strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
}

func compileNumber(holds func(c int) bool) func(string, bool) (test, error) {
	return func(text string, _ bool) (test, error) {
		want, ok := number(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return func(value string, _ *Context) verdict {
			got, ok := number(value)
			if !ok {
				return no
			}
			switch {
			case got < want:
				return verdictOf(holds(-1))
			case got > want:
				return verdictOf(holds(1))
			}
			return verdictOf(holds(0))
		}, nil
	}
}

// number parses a decimal number; ParseFloat accepts more.
func number(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func compileDate(holds func(c int) bool) func(string, bool) (test, error) {
	return func(text string, _ bool) (test, error) {
		want, ok := date(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a date as 2006-01-02T15:04:05Z, nor seconds since 1970", text)
		}
		return func(value string, _ *Context) verdict {
			got, ok := date(value)
			return verdictOf(ok && holds(got.Compare(want)))
		}, nil
	}
}

// date parses the W3C profile of ISO 8601, at least year and month, or seconds
// since 1970; a year alone counts as seconds.
func date(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		const max = 1 << 40 // about 35,000 years; time.Time overflows beyond
		return time.Unix(seconds, 0), -max < seconds && seconds < max
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func compileIP(text string, _ bool) (test, error) {
	want, err := addresses(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not an IP address or CIDR block", text)
	}
	return func(value string, _ *Context) verdict {
		got, err := addresses(value)
		return verdictOf(err == nil && got.Bits() >= want.Bits() && want.Contains(got.Addr()))
	}, nil
}

// addresses parses "203.0.113.0/24", "2001:db8::/32" or one address.
func addresses(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Addr().Is4In6() {
			return p, errors.Join(err, errors.New("unusable prefix"))
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), err
}
