package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A step is one call of the scenario and what must come of it.
type step struct {
	Step    string           `yaml:"step"`    // the promise, as a sentence
	Call    string           `yaml:"call"`    // the operation
	Service string           `yaml:"service"` // whose client is to call it; default the one that has it, of stages where both do
	As      string           `yaml:"as"`      // the caller; default the owner
	Server  string           `yaml:"server"`
	Needs   string           `yaml:"needs"` // what a client must be able to
	Each    map[string][]any `yaml:"each"`  // the step is made for each value of this variable
	Input   any              `yaml:"input"` // members; a variable can be all of them

	Output map[string]any    `yaml:"output"` // members the answer must have; {} for none at all
	Pages  *pages            `yaml:"pages"`  // the list is walked to its end
	Error  *failure          `yaml:"error"`
	Save   map[string]string `yaml:"save"` // variables, from the answer
}

// pages says what a list must hold when all its pages are put together.
type pages struct {
	Size  int              `yaml:"size"`
	Items string           `yaml:"items"`
	Holds map[string][]any `yaml:"holds"` // by member, the values of all items in their order
}

type failure struct {
	Name   string `yaml:"name"`
	Status int    `yaml:"status"`
	Says   string `yaml:"says"` // a part of the message
}

func readScenario(t *testing.T) []step {
	t.Helper()
	files, err := filepath.Glob("scenario/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenario: %v %v", files, err)
	}
	var all []step
	for _, name := range files { // Glob sorts
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		d := yaml.NewDecoder(f)
		d.KnownFields(true)
		var steps []step
		if err := d.Decode(&steps); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, steps...)
	}
	return all
}

// expand returns the step once for each value of its variable.
func (s *step) expand() []map[string]any {
	for variable, values := range s.Each {
		var all []map[string]any
		for _, v := range values {
			all = append(all, map[string]any{variable: v})
		}
		return all
	}
	return []map[string]any{nil}
}

var variable = regexp.MustCompile(`\$(\w+)|\$\{(\w+)\}`)

// fill puts variables into a value: a text that is one variable becomes its
// value, of whatever kind; within a text they become part of it.
func fill(t *testing.T, v any, variables map[string]any) any {
	t.Helper()
	switch v := v.(type) {
	case string:
		look := func(reference string) any {
			value, ok := variables[strings.Trim(reference, "${}")]
			if !ok {
				t.Fatalf("the scenario has no variable %s", reference)
			}
			return value
		}
		if variable.FindString(v) == v && v != "" {
			return look(v)
		}
		return variable.ReplaceAllStringFunc(v, func(reference string) string { return fmt.Sprint(look(reference)) })
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = fill(t, inner, variables)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = fill(t, inner, variables)
		}
		return out
	}
	return v
}

// words in place of values stand for what differs each time.
var words = map[string]*regexp.Regexp{
	"<id>":          regexp.MustCompile(`^[a-zA-Z0-9]{12}$`),
	"<token>":       regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`),
	"<stream key>":  regexp.MustCompile(`^rt_\d{12}_` + region + `_[a-zA-Z0-9]{12}_[a-zA-Z0-9]{16,}$`),
	"<channel key>": regexp.MustCompile(`^sk_` + region + `_[a-zA-Z0-9]{12}_[a-zA-Z0-9]{16,}$`),
	"<stream>":      regexp.MustCompile(`^st-[a-zA-Z0-9]{23}$`),
	"<host>":        regexp.MustCompile(`^[\w.-]+(:\d+)?$`),
	"<url>":         regexp.MustCompile(`^(https?|wss?)://[^/]+`),
	"<prefix>":      regexp.MustCompile(`^[^/]+(/[^/]+){3}$`),
}

// differs tells where an answer is not as expected; empty when it is. Members
// that are not mentioned may be anything, and so may those that the client is
// too old for.
func (c *client) differs(path string, expected, seen any) string {
	switch e := expected.(type) {
	case map[string]any:
		s, ok := seen.(map[string]any)
		if !ok && (seen != nil || len(e) > 0) { // no members may come as none at all
			return fmt.Sprintf("%s: expected an object, saw %s", path, show(seen))
		}
		for k, inner := range e {
			if slices.Contains(c.before, k) {
				continue
			}
			if d := c.differs(path+"."+k, inner, s[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		s, ok := seen.([]any)
		if (!ok && seen != nil) || len(s) != len(e) {
			return fmt.Sprintf("%s: expected a list of %d, saw %s", path, len(e), show(seen))
		}
		for i := range e {
			if d := c.differs(fmt.Sprintf("%s[%d]", path, i), e[i], s[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		if d := differsInText(e, seen); d != "" {
			return fmt.Sprintf("%s: expected %s, saw %s", path, d, show(seen))
		}
		return ""
	}
	if !reflect.DeepEqual(number(expected), number(seen)) {
		return fmt.Sprintf("%s: expected %s, saw %s", path, show(expected), show(seen))
	}
	return ""
}

// differsInText tells what was expected, if it is not what was seen.
func differsInText(expected string, seen any) string {
	text, isText := seen.(string)
	switch {
	case expected == "<absent>":
		if seen == nil {
			return ""
		}
		return "nothing"
	case expected == "<time>":
		at, err := time.Parse(time.RFC3339, text)
		if err == nil && at.Year() >= 2020 {
			return ""
		}
		return "a time"
	case strings.HasPrefix(expected, "<arn of "):
		kind := strings.TrimSuffix(strings.TrimPrefix(expected, "<arn of "), ">")
		if regexp.MustCompile(`^arn:aws:ivs:` + region + `:\d{12}:` + kind + `/[a-zA-Z0-9]{12}$`).MatchString(text) {
			return ""
		}
		return "the ARN of a " + kind
	case words[expected] != nil:
		if words[expected].MatchString(text) {
			return ""
		}
		return expected
	case isText && text == expected:
		return ""
	}
	return fmt.Sprintf("%q", expected)
}

// number makes numbers comparable, whichever way they were decoded.
func number(v any) any {
	if r := reflect.ValueOf(v); r.CanInt() {
		return float64(r.Int())
	}
	return v
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 400 {
		return string(b[:400]) + "…"
	}
	return string(b)
}

// at finds what a path of members and positions leads to.
func at(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[part]
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n >= len(inner) {
				return nil
			}
			v = inner[n]
		default:
			return nil
		}
	}
	return v
}

// check holds an answer against the step, and keeps what the step saves of it.
func (s *step) check(t *testing.T, c *client, m model, variables map[string]any, got *reply) {
	t.Helper()
	switch {
	case s.Error != nil:
		s.checkError(t, m, variables, got)
	case got.Error != nil:
		t.Errorf("expected success, saw %s %d: %s", got.Error.Name, got.Error.Status, got.Error.Message)
	case s.Pages != nil:
		s.checkPages(t, c, variables, got)
	default:
		s.checkOutput(t, c, variables, got.Pages[0])
	}
	if got.RequestID != nil && *got.RequestID == "" {
		t.Error("the answer has no request id")
	}
}

func (s *step) checkError(t *testing.T, m model, variables map[string]any, got *reply) {
	t.Helper()
	if got.Error == nil {
		t.Errorf("expected %s, saw success: %s", s.Error.Name, show(got.Pages))
		return
	}
	e := got.Error
	if e.Name != s.Error.Name || e.Status != 0 && e.Status != s.Error.Status {
		t.Errorf("expected %s %d, saw %s %d: %s", s.Error.Name, s.Error.Status, e.Name, e.Status, e.Message)
	}
	// The SDK for Java gives the name of every error the same end.
	if m.models(s.Call, s.Error.Name) && e.Type != "" && e.Type != s.Error.Name && e.Type != s.Error.Name+"Exception" {
		t.Errorf("expected an error of the type %s, saw %s", s.Error.Name, e.Type)
	}
	if says := fill(t, s.Error.Says, variables).(string); !strings.Contains(e.Message, says) {
		t.Errorf("expected a message with %q, saw %q", says, e.Message)
	}
}

func (s *step) checkOutput(t *testing.T, c *client, variables map[string]any, got map[string]any) {
	t.Helper()
	expected := fill(t, s.Output, variables).(map[string]any)
	if len(expected) == 0 && len(got) > 0 {
		t.Errorf("expected an answer without members, saw %s", show(got))
	}
	if d := c.differs(s.Call, expected, got); d != "" {
		t.Error(d)
	}
	for name, path := range s.Save {
		value := at(got, path)
		if value == nil {
			t.Errorf("expected %s to be saved, saw %s", path, show(got))
		}
		variables[name] = value
	}
}

func (s *step) checkPages(t *testing.T, c *client, variables map[string]any, got *reply) {
	t.Helper()
	var items []any
	for _, page := range got.Pages {
		more, _ := page[s.Pages.Items].([]any)
		items = append(items, more...)
	}
	for member, values := range s.Pages.Holds {
		var seen []any
		for _, item := range items {
			seen = append(seen, at(item, member))
		}
		expected := fill(t, values, variables).([]any)
		if d := c.differs(s.Call+" "+member, expected, seen); d != "" {
			t.Error(d)
		}
	}
}

// requests is how many pages the list must have taken.
func (p *pages) requests() int {
	for _, values := range p.Holds {
		return (len(values) + p.Size - 1) / p.Size
	}
	return 1
}

func TestScenario_DrivesEveryOperationAndEveryError(t *testing.T) {
	model := readModel(t)
	called, failed, walked := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range readScenario(t) {
		if _, ok := model.Operations[s.Call]; !ok {
			t.Errorf("%q calls %s, which is no operation", s.Step, s.Call)
		}
		called[s.Call] = true
		if s.Error != nil {
			failed[s.Error.Name] = true
		}
		walked[s.Call] = walked[s.Call] || s.Pages != nil && s.Pages.requests() > 1
	}
	for name, op := range model.Operations {
		if !called[name] {
			t.Errorf("no step calls %s", name)
		}
		if op.Pagination != nil && !walked[name] && name != "ListStreamKeys" { // a channel has one
			t.Errorf("no step walks the pages of %s", name)
		}
	}
	for _, name := range []string{
		"ValidationException", "ResourceNotFoundException", "AccessDeniedException", "ConflictException", "ServiceQuotaExceededException",
		"ThrottlingException", "InvalidSignatureException", "UnrecognizedClientException", "ChannelNotBroadcasting",
	} {
		if !failed[name] {
			t.Errorf("no step meets %s", name)
		}
	}
}
