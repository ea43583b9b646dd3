package seed

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// generic returns a value as JSON has it.
func generic(v any) (out any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(text, &out)
}

// difference returns the first field, in alphabetical order, of what is given that an existing
// value does not have, with both values as JSON; field is empty if there is none.
func difference(given, existing any, path string) (field, is, wanted string) {
	members, ok := given.(map[string]any)
	if !ok {
		if same(given, existing) {
			return "", "", ""
		}
		return path, text(existing), text(given)
	}
	has, _ := existing.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if field, is, wanted := difference(members[name], has[name], join(path, name)); field != "" {
			return field, is, wanted
		}
	}
	return "", "", ""
}

// same compares values. PEM may end with a line break or not.
func same(a, b any) bool {
	first, ok1 := a.(string)
	second, ok2 := b.(string)
	if ok1 && ok2 {
		return strings.TrimSpace(first) == strings.TrimSpace(second)
	}
	return reflect.DeepEqual(a, b)
}

func text(v any) string {
	if v == nil {
		return "absent"
	}
	raw, _ := json.Marshal(v) // it comes from JSON
	return string(raw)
}

// tagsOf are tags as a resource has them.
func tagsOf(tags map[string]string) any {
	all := map[string]any{}
	for key, value := range tags {
		all[key] = value
	}
	return map[string]any{"tags": all}
}
