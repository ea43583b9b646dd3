package event

import (
	"encoding/json"
	"fmt"
	"slices"
)

// The names of comparisons. An object of a $or that has one of them as a field is
// no alternative.
var comparisons = []string{"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but",
	"exists", "wildcard", "numeric", "cidr", "regex"}

func parseMatcher(at string, v any) (matcher, error) {
	switch v := v.(type) {
	case string:
		return isString(v), nil
	case bool, nil:
		text, _ := json.Marshal(v) // cannot fail
		return func(x value) bool { return x.kind == literal && x.text == string(text) }, nil
	case json.Number:
		return isNumber(v), nil
	case object:
		if len(v) == 1 {
			return parseComparison(at+"."+v[0].name, v[0].name, v[0].value)
		}
	}
	return nil, fmt.Errorf("%s must be a value or an object of one comparison", at)
}

func isString(s string) matcher {
	return func(x value) bool { return x.kind == text && x.text == s }
}

// isNumber compares by value what a float64 holds exactly, and other numbers by
// their spelling.
func isNumber(n json.Number) matcher {
	want, comparable := parseNumber(string(n))
	if !comparable {
		return func(x value) bool { return x.kind == number && x.text == string(n) }
	}
	return func(x value) bool {
		got, ok := x.number()
		return ok && got == want
	}
}

func parseComparison(at, name string, v any) (matcher, error) {
	switch name {
	case "exists":
		if v == true {
			return func(value) bool { return true }, nil
		}
		return nil, fmt.Errorf("%s must be true or false", at)
	case "numeric":
		return parseNumeric(at, v)
	case "anything-but":
		return parseAnythingBut(at, v)
	case "cidr":
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s must be a string", at)
		}
		return parseCIDR(at, s)
	case "prefix", "suffix":
		o, ok := v.(object)
		if !ok {
			break
		}
		if len(o) != 1 || o[0].name != "equals-ignore-case" {
			return nil, fmt.Errorf("%s must be a string or an object of equals-ignore-case", at)
		}
		return parseText(at+".equals-ignore-case", name+" equals-ignore-case", o[0].value)
	}
	return parseText(at, name, v)
}

// parseText reads a comparison of strings.
func parseText(at, name string, v any) (matcher, error) {
	compare, known := textComparisons[name]
	if !known {
		return nil, fmt.Errorf("%s is no comparison of EventBridge", at)
	}
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s must be a string", at)
	}
	matches, err := compare(s)
	if err != nil {
		return nil, fmt.Errorf("%s %w", at, err)
	}
	return func(x value) bool { return x.kind == text && matches(x.text) }, nil
}

// parseAnythingBut reads what a value must not be: a string or number, a list of
// either, or one of the comparisons of strings with one or more operands. It matches
// only a value that is there.
func parseAnythingBut(at string, v any) (matcher, error) {
	var not []matcher
	var err error
	switch v := v.(type) {
	case []any:
		not, err = parseUnwanted(at, v)
	case object:
		not, err = parseUnwantedText(at, v)
	default:
		not, err = parseUnwanted(at, []any{v})
	}
	if err != nil {
		return nil, err
	}
	return func(x value) bool {
		return !slices.ContainsFunc(not, func(m matcher) bool { return m(x) })
	}, nil
}

// parseUnwanted reads values of anything-but: strings, or numbers.
func parseUnwanted(at string, list []any) (not []matcher, err error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is an empty list", at)
	}
	_, strings := list[0].(string)
	for _, one := range list {
		switch one := one.(type) {
		case string:
			if !strings {
				return nil, fmt.Errorf("%s has strings and numbers, it can have either", at)
			}
			not = append(not, isString(one))
		case json.Number:
			if strings {
				return nil, fmt.Errorf("%s has strings and numbers, it can have either", at)
			}
			if _, ok := parseNumber(string(one)); !ok {
				return nil, fmt.Errorf("%s has the number %s, which a float64 cannot hold", at, one)
			}
			not = append(not, isNumber(one))
		default:
			return nil, fmt.Errorf("%s must be a string, a number, a list of either or a comparison", at)
		}
	}
	return not, nil
}

// parseUnwantedText reads a comparison of strings in anything-but, with one or more operands.
func parseUnwantedText(at string, o object) (not []matcher, err error) {
	if len(o) != 1 {
		return nil, fmt.Errorf("%s must be an object of one comparison", at)
	}
	name, operands := o[0].name, []any{o[0].value}
	at += "." + name
	if list, ok := o[0].value.([]any); ok {
		operands = list
	}
	if len(operands) == 0 {
		return nil, fmt.Errorf("%s is an empty list", at)
	}
	switch name {
	case "prefix", "suffix":
		if slices.Contains(operands, any("")) {
			return nil, fmt.Errorf("%s must not be an empty string here", at)
		}
	case "equals-ignore-case", "wildcard":
	default:
		return nil, fmt.Errorf("%s cannot be in anything-but, prefix, suffix, equals-ignore-case and wildcard can", at)
	}
	for _, operand := range operands {
		m, err := parseText(at, name, operand)
		if err != nil {
			return nil, err
		}
		not = append(not, m)
	}
	return not, nil
}
