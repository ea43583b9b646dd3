package ivsrealtime

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/shape"
)

// goNames are the Go names of shapes that are not called as in the API.
var goNames = map[string]string{
	"ParticipantRecordingState":                  "RecordingState",
	"ParticipantTokenCapability":                 "Capability",
	"ParticipantRecordingHlsConfiguration":       "ParticipantRecordingHLSConfiguration",
	"CompositionRecordingHlsConfiguration":       "CompositionRecordingHLSConfiguration",
	"ParticipantRecordingFilterByRecordingState": "RecordingState",
}

func goName(shape string) string {
	if n := goNames[shape]; n != "" {
		return n
	}
	if n, ok := strings.CutSuffix(shape, "Request"); ok {
		return n + "Input"
	}
	if n, ok := strings.CutSuffix(shape, "Response"); ok {
		return n + "Output"
	}
	return shape
}

var limitExceptions = exceptions{
	"ResourceArn": "its pattern lacks a quantifier and matches no resource at all",
	"TagKey":      "it models no pattern; the general rule for tags of AWS holds",
	"TagValue":    "it models no pattern; the general rule for tags of AWS holds",
	"GridGap":     "it models no maximum; what an int32 of the SDKs holds is one",
	"PipOffset":   "it models no maximum; what an int32 of the SDKs holds is one",
	"PipWidth":    "it models no maximum; what an int32 of the SDKs holds is one",
	"PipHeight":   "it models no maximum; what an int32 of the SDKs holds is one",
}

// walker compares the Go types with the facts.
type walker struct {
	*testing.T
	api       apiModel
	seen      map[string]bool // shapes, by direction
	reached   map[string]bool // shapes
	exempted  map[string]bool
	words     map[string]bool // of shape tags
	constants map[string][]string
}

func TestDrift_ShapesAreTheAPIs(t *testing.T) {
	w := walker{T: t, api: readAPI(t), seen: map[string]bool{}, reached: map[string]bool{}, exempted: map[string]bool{}, words: map[string]bool{}, constants: constants(t)}
	for name, op := range w.api.Operations {
		m, _ := reflect.TypeFor[*Client]().MethodByName(name)
		w.structure(op.Input, m.Type.In(2).Elem(), true)
		w.structure(op.Output, m.Type.Out(0).Elem(), false)
	}
	for name, s := range w.api.Shapes {
		if !w.reached[name] && s.Error == nil && name != "errorMessage" {
			t.Errorf("the shape %s was not met", name)
		}
	}
	limitExceptions.expectAllUsed(t, w.exempted)
	for word, s := range shapes {
		for _, inner := range []string{s.Member, s.Key, s.Value} {
			w.words[inner] = true
			if _, ok := shapes[inner]; inner != "" && !ok {
				t.Errorf("the shape %q speaks of %q, which is not in the table", word, inner)
			}
		}
	}
	for word := range shapes {
		if !w.words[word] {
			t.Errorf("no field uses the shape %q", word)
		}
	}
}

func (w *walker) structure(shape string, t reflect.Type, input bool) {
	key := fmt.Sprintf("%s %t", shape, input)
	if w.seen[key] {
		return
	}
	w.seen[key], w.reached[shape] = true, true
	if t.Name() != goName(shape) {
		w.Errorf("the shape %s is the Go type %s, expected %s", shape, t.Name(), goName(shape))
	}
	left := maps.Clone(w.api.Shapes[shape].Members)
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, location := place(f)
		member := name
		for n, m := range left { // headers go by their own name
			if location == "header" && m.LocationName == name {
				member = n
			}
		}
		m, ok := left[member]
		delete(left, member)
		at := t.Name() + "." + f.Name
		if !ok || m.Location != location || location != "body" && m.LocationName != name {
			w.Errorf("%s travels as %q in the %s, which the API does not have", at, name, location)
			continue
		}
		w.field(at, f, m, input)
	}
	for name := range left {
		w.Errorf("%s lacks the member %s", t.Name(), name)
	}
}

func (w *walker) field(at string, f reflect.StructField, m apiMember, input bool) {
	w.kind(at, m.Target, f.Type, input)
	word, option, _ := strings.Cut(f.Tag.Get("shape"), ",")
	w.words[word] = true
	if _, ok := shapes[word]; word != "" && !ok {
		w.Errorf("%s has the shape %q, which is not in the table", at, word)
	}
	omitted := strings.Contains(f.Tag.Get("json"), ",omit")
	if m.Required && omitted {
		w.Errorf("%s is required and left out when empty", at)
	}
	if !input {
		return
	}
	if (option == "required") != m.Required {
		w.Errorf("%s says required: %t, expected %t", at, option == "required", m.Required)
	}
	w.limits(at, word, m.Target)
	if m.Rule == "total size of the map at most 1 KB" && word != "attributes" {
		w.Errorf("%s has the shape %q, expected attributes", at, word)
	}
	if zero := reflect.Zero(f.Type); !m.Required && !omitted && shapes[word].Check != nil {
		if problem := shapes[word].Check(zero); problem != "" {
			w.Errorf("%s is sent when it is not set, and then %s", at, problem)
		}
	}
}

// kind holds a Go type against a shape's, down to what lists and maps hold.
func (w *walker) kind(at, shape string, t reflect.Type, input bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	w.reached[shape] = true
	s := w.api.Shapes[shape]
	ok := false
	switch s.Type {
	case "string":
		ok = t.Kind() == reflect.String
	case "enum":
		ok = t.Kind() == reflect.String
		w.enum(at, shape, s.Enum, t)
	case "integer":
		ok = t.Kind() == reflect.Int
	case "float":
		ok = t.Kind() == reflect.Float64
	case "boolean":
		ok = t.Kind() == reflect.Bool
	case "timestamp":
		ok = t == reflect.TypeFor[time.Time]()
	case "structure":
		if ok = t.Kind() == reflect.Struct; ok {
			w.structure(shape, t, input)
		}
	case "list":
		if ok = t.Kind() == reflect.Slice; ok {
			w.kind(at+"[]", s.Member, t.Elem(), input)
		}
	case "map":
		if ok = t.Kind() == reflect.Map; ok {
			w.kind(at+" key", s.Key, t.Key(), input)
			w.kind(at+" value", s.Value, t.Elem(), input)
		}
	}
	if !ok {
		w.Errorf("%s is a %v, expected a %s", at, t, s.Type)
	}
}

func (w *walker) enum(at, shape string, values []string, t reflect.Type) {
	if t.Name() != goName(shape) {
		w.Errorf("%s is a %s, expected a %s", at, t.Name(), goName(shape))
	}
	got := slices.Sorted(slices.Values(w.constants[t.Name()]))
	want := slices.Sorted(slices.Values(values))
	if shape == "ParticipantRecordingFilterByRecordingState" { // the same words but one; its shape says which
		want = slices.Sorted(slices.Values(append(want, string(RecordingDisabled))))
	}
	if !slices.Equal(got, want) {
		w.Errorf("%s has the constants %v, expected %v", t.Name(), got, want)
	}
}

// limits holds a word of the table against a shape, and what it holds likewise.
func (w *walker) limits(at, word, facts string) {
	s, got := w.api.Shapes[facts], shapes[word]
	exempt := limitExceptions.use(facts, w.exempted)
	want := shape.Limits{Pattern: s.Pattern, Unique: s.UniqueItems, Values: s.Enum}
	for _, bounds := range [][2]*int{{s.MinLength, s.MaxLength}, {s.Minimum, s.Maximum}, {s.MinItems, s.MaxItems}, {s.MinEntries, s.MaxEntries}} {
		if bounds[0] != nil {
			want.Min = *bounds[0]
		}
		if bounds[1] != nil {
			want.Max = *bounds[1]
		} else if bounds[0] != nil && exempt {
			want.Max = math.MaxInt32
		}
	}
	if exempt && s.Type == "string" {
		want.Pattern = got.Pattern
	}
	if !slices.Equal(slices.Sorted(slices.Values(got.Values)), slices.Sorted(slices.Values(want.Values))) ||
		got.Min != want.Min || got.Max != want.Max || got.Unique != want.Unique || got.Pattern != want.Pattern {
		w.Errorf("%s (%s) is held to %q %+v\nexpected %+v", at, facts, word, got.Limits, want)
	}
	switch {
	case s.Type == "list" && w.api.Shapes[s.Member].Type != "structure":
		w.limits(at+"[]", got.Member, s.Member)
	case s.Type == "map" && word != "attributes":
		w.limits(at+" key", got.Key, s.Key)
		w.limits(at+" value", got.Value, s.Value)
	}
}
