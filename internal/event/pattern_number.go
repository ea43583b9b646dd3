package event

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// parseNumber reads a number that a float64 holds: whose shortest spelling has the
// same value. event-ruler compares no other number by value.
func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	if f == 0 {
		f = 0 // -0 equals 0, also as bits
	}
	if len(s) <= 15 && !strings.ContainsAny(s, "eE") {
		return f, true // a float64 holds 15 digits
	}
	return f, decimalOf(s) == decimalOf(strconv.FormatFloat(f, 'e', -1, 64))
}

// A decimal is a number as its digits, without zeros at either end, and the
// exponent of the first digit.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

func decimalOf(s string) (d decimal) {
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	if exponent != "" {
		d.exponent, _ = strconv.Atoi(exponent) // a float64 has none that overflows
	}
	d.exponent += len(whole) - (len(all) - len(d.digits))
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		return decimal{}
	}
	return d
}

// parseNumeric reads ["<operator>", number, …]: one comparison, or a range as its lower
// and then its upper bound.
func parseNumeric(at string, v any) (matcher, error) {
	list, ok := v.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, fmt.Errorf("%s must be a list of one or two operators, each with its number", at)
	}
	var bounds []bound
	for i := 0; i < len(list); i += 2 {
		b, err := parseBound(at, list[i], list[i+1])
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, b)
	}
	if len(bounds) == 2 {
		if low, high := bounds[0], bounds[1]; low.operator[0] != '>' || high.operator[0] != '<' {
			return nil, fmt.Errorf("%s must have its lower bound first and its upper bound second", at)
		} else if low.limit >= high.limit {
			return nil, fmt.Errorf("%s has a lower bound that is not below its upper bound", at)
		}
	}
	return func(x value) bool {
		n, ok := x.number()
		for _, b := range bounds {
			ok = ok && b.admits(n)
		}
		return ok
	}, nil
}

type bound struct {
	operator string
	limit    float64
}

func parseBound(at string, operator, operand any) (b bound, err error) {
	b.operator, _ = operator.(string)
	switch b.operator {
	case "=", "<", "<=", ">", ">=":
	default:
		return b, fmt.Errorf("%s has the operator %q, it can be one of = < <= > >=", at, fmt.Sprint(operator))
	}
	n, ok := operand.(json.Number)
	if !ok {
		return b, fmt.Errorf("%s must have a number after %s", at, b.operator)
	}
	if b.limit, ok = parseNumber(string(n)); !ok {
		return b, fmt.Errorf("%s has the number %s, which a float64 cannot hold", at, n)
	}
	return b, nil
}

func (b bound) admits(x float64) bool {
	switch b.operator {
	case "<":
		return x < b.limit
	case "<=":
		return x <= b.limit
	case ">":
		return x > b.limit
	case ">=":
		return x >= b.limit
	}
	return x == b.limit
}
