package ivsrealtime

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The tests of this file hold the package against testdata/api.json, the facts
// of the public API: every operation, shape, member, constraint, place and
// error. Where the package differs on purpose, the exception stands in one of
// the tables below with its reason, and an exception nobody needs is a failure.

type apiModel struct {
	CommonErrors []struct {
		Code       Code
		HTTPStatus int
	}
	Operations map[string]apiOperation
	Shapes     map[string]apiShape
}

type apiOperation struct {
	Method, URI            string
	SuccessStatus          int
	Input, Output          string
	Readonly               bool
	HasResponseBody        bool
	IdempotencyTokenMember string
	Errors                 []struct {
		Shape      Code
		HTTPStatus int
	}
	Pagination *struct {
		InputToken, OutputToken, PageSize, Items string
		MaxPageSize                              int
	}
}

type apiShape struct {
	Type    string
	Members map[string]apiMember
	Member  string // of a list
	Key     string // of a map
	Value   string
	Error   *struct{ HTTPStatus int }
	apiLimits
}

type apiMember struct {
	Target       string
	Type         string
	Required     bool
	Location     string
	LocationName string
	Rule         string
	apiLimits
}

type apiLimits struct {
	MinLength, MaxLength   *int
	Minimum, Maximum       *int
	MinItems, MaxItems     *int
	MinEntries, MaxEntries *int
	Pattern                string
	Enum                   []string
	UniqueItems            bool
}

func readAPI(t *testing.T) apiModel {
	t.Helper()
	data, err := os.ReadFile("testdata/api.json")
	if err != nil {
		t.Fatal(err)
	}
	var m apiModel
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Operations) != 40 || len(m.Shapes) != 246 {
		t.Fatalf("the facts hold %d operations and %d shapes, expected 40 and 246", len(m.Operations), len(m.Shapes))
	}
	return m
}

// exceptions are differences that are meant, each with its reason. use notes
// that one was met.
type exceptions map[string]string

func (e exceptions) use(key string, used map[string]bool) bool {
	if e[key] == "" {
		return false
	}
	used[key] = true
	return true
}

func (e exceptions) expectAllUsed(t *testing.T, used map[string]bool) {
	t.Helper()
	for key := range e {
		if !used[key] {
			t.Errorf("the exception %q is not needed", key)
		}
	}
}

var readExceptions = exceptions{
	"ImportPublicKey": "the model calls it read-only, but it keeps a key",
}

func TestDrift_OperationsAreTheAPIs(t *testing.T) {
	api := readAPI(t)
	declared := map[string]Spec{}
	for _, s := range Specs() {
		declared[s.Name] = s
	}
	if got, want := slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(api.Operations)); !slices.Equal(got, want) {
		t.Fatalf("got the operations %v\nexpected %v", got, want)
	}
	used := map[string]bool{}
	for name, want := range api.Operations {
		got := declared[name]
		if got.Read != want.Readonly && !readExceptions.use(name, used) {
			t.Errorf("%s reads only: %t, expected %t", name, got.Read, want.Readonly)
		}
		if got.Method != want.Method || got.Path != want.URI || want.SuccessStatus != http.StatusOK {
			t.Errorf("%s: got %+v, expected %+v", name, got, want)
		}
		var codes []Code
		for _, e := range want.Errors {
			codes = append(codes, e.Shape)
			if e.Shape.Status() != e.HTTPStatus {
				t.Errorf("%s: %s has the status %d, expected %d", name, e.Shape, e.Shape.Status(), e.HTTPStatus)
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(got.Errors)), slices.Sorted(slices.Values(codes))) {
			t.Errorf("%s: got the errors %v, expected %v", name, got.Errors, codes)
		}
		// The client makes the token of the one operation that has one.
		if token := want.IdempotencyTokenMember; (token != "") != (name == OpStartComposition.Name) {
			t.Errorf("%s has the idempotency token %q", name, token)
		}
	}
	readExceptions.expectAllUsed(t, used)
}

var statusExceptions = exceptions{
	"ThrottlingException": "the common errors say 400, the sister API and every SDK 429, which proxies understand too",
}

func TestDrift_ErrorsAreTheAPIs(t *testing.T) {
	api := readAPI(t)
	used := map[string]bool{}
	check := func(code Code, status int) {
		known, ok := statuses[code]
		if !ok {
			t.Errorf("%s has no status", code)
		} else if known != status && !statusExceptions.use(string(code), used) {
			t.Errorf("%s has the status %d, expected %d", code, known, status)
		}
	}
	for name, s := range api.Shapes {
		if s.Error != nil {
			check(Code(name), s.Error.HTTPStatus)
		}
	}
	for _, e := range api.CommonErrors {
		check(e.Code, e.HTTPStatus)
	}
	statusExceptions.expectAllUsed(t, used)
}

func TestDrift_BothClientsHaveEveryOperation(t *testing.T) {
	api := readAPI(t)
	for _, s := range Specs() {
		m, ok := reflect.TypeFor[*Client]().MethodByName(s.Name)
		if !ok {
			t.Errorf("Client has no %s", s.Name)
			continue
		}
		in, out := m.Type.In(2), m.Type.Out(0)
		if in.Elem().Name() != s.Name+"Input" || out.Elem().Name() != s.Name+"Output" {
			t.Errorf("Client.%s takes %v and gives %v", s.Name, in, out)
		}
		if body := slices.ContainsFunc(reflect.VisibleFields(out.Elem()), inBody); body != api.Operations[s.Name].HasResponseBody {
			t.Errorf("%s answers with a body: %t, expected %t", s.Name, body, api.Operations[s.Name].HasResponseBody)
		}
		a, ok := reflect.TypeFor[*AsyncClient]().MethodByName(s.Name)
		if !ok || a.Type.In(2) != in {
			t.Errorf("AsyncClient has no %s that takes %v", s.Name, in)
			continue
		}
		if result, ok := a.Type.Out(0).Elem().FieldByName("result"); !ok || result.Type != out {
			t.Errorf("AsyncClient.%s gives %v, expected a Call of %v", s.Name, a.Type.Out(0), out)
		}
	}
}

func TestDrift_EveryListHasIterators(t *testing.T) {
	for name, op := range readAPI(t).Operations {
		p := op.Pagination
		if p == nil {
			continue
		}
		list, _ := reflect.TypeFor[*Client]().MethodByName(name)
		in, out := list.Type.In(2).Elem(), list.Type.Out(0).Elem()
		size, ok := memberOf(in, p.PageSize)
		if word := strings.Split(size.Tag.Get("shape"), ",")[0]; !ok || shapes[word].Max != p.MaxPageSize {
			t.Errorf("%s: a page holds at most %d, expected %d", name, shapes[word].Max, p.MaxPageSize)
		}
		_, asks := memberOf(in, p.InputToken)
		_, tells := memberOf(out, p.OutputToken)
		items, ok := memberOf(out, p.Items)
		if !asks || !tells || !ok {
			t.Errorf("%s lacks %s, %s or %s", name, p.InputToken, p.OutputToken, p.Items)
			continue
		}
		walk, ok := reflect.TypeFor[*Client]().MethodByName(strings.TrimPrefix(name, "List"))
		if !ok || walk.Type.In(2).Elem() != in || walk.Type.Out(0).In(0).In(0) != items.Type.Elem() {
			t.Errorf("Client has no walk over the %v of %s", items.Type, name)
		}
	}
}

// memberOf finds a structure's field by its name on the wire.
func memberOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if n, _ := place(f); n == name && f.IsExported() && !f.Anonymous {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// place is where on the wire a field travels, and by which name.
func place(f reflect.StructField) (name, location string) {
	for _, location := range []string{"uri", "query", "header"} {
		if name := f.Tag.Get(location); name != "" {
			return name, location
		}
	}
	name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
	return name, "body"
}

func inBody(f reflect.StructField) bool {
	_, location := place(f)
	return location == "body" && !f.Anonymous
}
