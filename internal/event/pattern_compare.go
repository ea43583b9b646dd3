package event

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
)

// parseText reads the comparisons of strings.
func parseText(at, name string, v any) (matcher, error) {
	fold := false
	if o, ok := v.(map[string]any); ok && (name == "prefix" || name == "suffix") && len(o) == 1 {
		if inner, ok := o["equals-ignore-case"]; ok {
			v, fold = inner, true
		}
	}
	s, ok := v.(string)
	if !ok {
		switch name {
		case "prefix", "suffix", "equals-ignore-case", "wildcard":
			return matcher{}, fmt.Errorf("%smust be a string", place(at))
		}
		return matcher{}, fmt.Errorf("%sis no comparison of EventBridge", place(at))
	}
	compare, err := textComparison(at, name, s, fold)
	if err != nil {
		return matcher{}, err
	}
	return matcher{matches: func(v any) bool {
		x, ok := v.(string)
		return ok && compare(x)
	}}, nil
}

func textComparison(at, name, s string, fold bool) (func(string) bool, error) {
	switch name {
	case "prefix":
		return func(x string) bool {
			return strings.HasPrefix(x, s) || fold && len(x) >= len(s) && strings.EqualFold(x[:len(s)], s)
		}, nil
	case "suffix":
		return func(x string) bool {
			return strings.HasSuffix(x, s) || fold && len(x) >= len(s) && strings.EqualFold(x[len(x)-len(s):], s)
		}, nil
	case "equals-ignore-case":
		return func(x string) bool { return strings.EqualFold(x, s) }, nil
	case "wildcard":
		parts, err := parseWildcard(at, s)
		return func(x string) bool { return wildcard(parts, x) }, err
	}
	return nil, fmt.Errorf("%sis no comparison of EventBridge", place(at))
}

// parseWildcard cuts a wildcard at its stars; \* is a star and \\ a backslash.
func parseWildcard(at, s string) ([]string, error) {
	parts := []string{""}
	star := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '\\'):
			i++
			parts[len(parts)-1] += string(s[i])
			star = false
		case s[i] == '\\':
			return nil, fmt.Errorf("%shas a backslash that is followed neither by * nor by another", place(at))
		case s[i] == '*' && star:
			return nil, fmt.Errorf("%shas two stars in a row", place(at))
		case s[i] == '*':
			parts = append(parts, "")
			star = true
		default:
			parts[len(parts)-1] += string(s[i])
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

// parseNumeric reads ["<operator>", number, …]: one comparison, or the two ends of a range.
func parseNumeric(at string, v any) (matcher, error) {
	list, ok := v.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return matcher{}, fmt.Errorf("%smust be a list of one or two operators, each with its number", place(at))
	}
	var bounds []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		bound, err := parseBound(at, list[i], list[i+1])
		if err != nil {
			return matcher{}, err
		}
		bounds = append(bounds, bound)
	}
	return matcher{matches: func(v any) bool {
		x := number(v)
		if x == nil {
			return false
		}
		for _, bound := range bounds {
			if !bound(x) {
				return false
			}
		}
		return true
	}}, nil
}

func parseBound(at string, operator, value any) (func(*big.Rat) bool, error) {
	limit := number(value)
	if limit == nil || limit.Cmp(maxNumber) > 0 || limit.Cmp(minNumber) < 0 {
		return nil, fmt.Errorf("%sneeds numbers between -5.0e9 and +5.0e9", place(at))
	}
	switch operator {
	case "=":
		return func(x *big.Rat) bool { return x.Cmp(limit) == 0 }, nil
	case "<":
		return func(x *big.Rat) bool { return x.Cmp(limit) < 0 }, nil
	case "<=":
		return func(x *big.Rat) bool { return x.Cmp(limit) <= 0 }, nil
	case ">":
		return func(x *big.Rat) bool { return x.Cmp(limit) > 0 }, nil
	case ">=":
		return func(x *big.Rat) bool { return x.Cmp(limit) >= 0 }, nil
	}
	return nil, fmt.Errorf("%shas the operator %q, it can be one of = < <= > >=", place(at), fmt.Sprint(operator))
}

// The range of numbers that EventBridge compares.
var maxNumber, minNumber = big.NewRat(5_000_000_000, 1), big.NewRat(-5_000_000_000, 1)

// parseAnythingBut reads what a value must not be: a value, a list of values,
// or one of the comparisons of strings with one or more operands. It matches
// only a value that is there.
func parseAnythingBut(at string, v any) (matcher, error) {
	var not []matcher
	var err error
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return matcher{}, fmt.Errorf("%sis an empty list", place(at))
		}
		for i, one := range v {
			switch one.(type) {
			case string, json.Number:
			default:
				return matcher{}, fmt.Errorf("%s[%d] must be a string or a number", at, i)
			}
		}
		not, err = parseEach(v, func(one any) (matcher, error) { return parseMatcher(at, one) })
	case map[string]any:
		if len(v) != 1 {
			return matcher{}, fmt.Errorf("%smust be an object of one comparison", place(at))
		}
		for name, operands := range v {
			list, ok := operands.([]any)
			if !ok {
				list = []any{operands}
			}
			not, err = parseEach(list, func(operand any) (matcher, error) { return parseText(at+"."+name, name, operand) })
		}
	case string, json.Number:
		not, err = parseEach([]any{v}, func(one any) (matcher, error) { return parseMatcher(at, one) })
	default:
		return matcher{}, fmt.Errorf("%smust be a string, a number, a list of them or a comparison", place(at))
	}
	if err != nil {
		return matcher{}, err
	}
	return matcher{matches: func(v any) bool {
		for _, m := range not {
			if m.matches(v) {
				return false
			}
		}
		return true
	}}, nil
}

func parseEach(operands []any, parse func(any) (matcher, error)) ([]matcher, error) {
	all := make([]matcher, len(operands))
	for i, operand := range operands {
		var err error
		if all[i], err = parse(operand); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func parseCIDR(at string, v any) (matcher, error) {
	s, _ := v.(string)
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return matcher{}, fmt.Errorf("%smust be an address block such as 10.0.0.0/24", place(at))
	}
	return matcher{matches: func(v any) bool {
		s, _ := v.(string)
		a, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(a)
	}}, nil
}
