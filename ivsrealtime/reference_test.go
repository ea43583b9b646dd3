package ivsrealtime

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

var updateReference = flag.Bool("update", false, "write docs/api.md")

const referencePage = "../docs/api.md"

// docs/api.md is written from the declarations: operations, fields with their comments, and the
// constraints that the server checks.
func TestDrift_ReferenceOfTheAPI(t *testing.T) {
	r := reference{T: t, types: typeComments(t), seen: map[reflect.Type]bool{}}
	want := r.page()
	if *updateReference {
		if err := os.WriteFile(referencePage, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the declarations: check what go test ./ivsrealtime -run Reference -update changes", referencePage)
	}
}

// reference writes the page; types that fields have are described once, at the end.
type reference struct {
	*testing.T
	types map[string]typeComment
	seen  map[reflect.Type]bool
	queue []reflect.Type
	bytes.Buffer
}

type typeComment struct {
	text   string
	fields map[string]string
}

// typeComments reads the comments of the package's types and fields.
func typeComments(t *testing.T) map[string]typeComment {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]typeComment{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			addTypeComments(types, declaration)
		}
	}
	return types
}

func addTypeComments(types map[string]typeComment, d ast.Decl) {
	declaration, ok := d.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range declaration.Specs {
		named, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		c := typeComment{text: comment(declaration.Doc, named.Doc), fields: map[string]string{}}
		if s, ok := named.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					c.fields[name.Name] = comment(f.Doc, f.Comment)
				}
			}
		}
		types[named.Name.Name] = c
	}
}

// comment joins comments to one sentence each, as cells of a table have no lines.
func comment(groups ...*ast.CommentGroup) string {
	var sentences []string
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			first := []rune(text)
			first[0] = unicode.ToUpper(first[0])
			sentences = append(sentences, strings.TrimSuffix(string(first), ".")+".")
		}
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "[", "", "]", "").Replace(strings.Join(sentences, " "))
}

func (r *reference) page() []byte {
	r.WriteString("# API reference\n\nAll operations of `ivs-realtime`, version 2020-07-14, as this server takes and answers them. " +
		"`go test ./ivsrealtime -run Reference -update` writes this page from the declarations that the server itself is built from. " +
		"What differs from the managed service is in [compatibility.md](compatibility.md).\n\n" +
		"Requests are JSON, signed by SigV4 with the signing name `ivs`. In the tables, \"required\" members must be in the request; " +
		"in answers, what says nothing else may be absent. Lengths count characters, lists and maps count entries. " +
		"The commands are those of the AWS CLI; 1.46.3 lacks RevokeConnectionToken, which is of November 2026.\n\n")
	r.commonErrors()
	operations := reflectOperations()
	for _, spec := range Specs() {
		r.operation(spec, operations[spec.Name])
	}
	r.WriteString("## Types\n")
	for len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		fmt.Fprintf(r, "\n### %s\n\n%s\n\n", next.Name(), strings.ReplaceAll(r.types[next.Name()].text, next.Name()+" ", "`"+next.Name()+"` "))
		r.members(next)
	}
	return r.Bytes()
}

func (r *reference) commonErrors() {
	r.WriteString("## Errors of every operation\n\nAn error's body has `exceptionMessage` and `message`, the header `x-amzn-ErrorType` its name.\n\n| error | status |\n|---|---|\n")
	for _, code := range []Code{ValidationFailed, Throttling, UnrecognizedClient, InvalidSignature, IncompleteSignature, MissingAuthentication, ExpiredToken, AccessDenied, MalformedRequest, RequestTooLarge, RequestTimeout, UnknownOperation, InternalFailure, ServiceUnavailable} {
		fmt.Fprintf(r, "| %s | %d |\n", code, code.Status())
	}
	r.WriteString("\n")
}

// inputOutput are the types of an operation.
type inputOutput struct{ in, out reflect.Type }

func reflectOperations() map[string]inputOutput {
	types := map[string]inputOutput{}
	client := reflect.TypeFor[*Client]()
	for _, spec := range Specs() {
		method, ok := client.MethodByName(spec.Name)
		if !ok {
			continue
		}
		// func(*Client, context.Context, *Input, ...) (*Output, error)
		types[spec.Name] = inputOutput{method.Type.In(2).Elem(), method.Type.Out(0).Elem()}
	}
	return types
}

func (r *reference) operation(spec Spec, types inputOutput) {
	if types.in == nil {
		r.Errorf("the client has no method %s", spec.Name)
		return
	}
	fmt.Fprintf(r, "## %s\n\n", spec.Name)
	fmt.Fprintf(r, "`%s %s`, action `ivs:%s`%s.\n\n", spec.Method, spec.Path, spec.Name, map[bool]string{true: ", changes nothing"}[spec.Read])
	fmt.Fprintf(r, "```sh\n%s\n```\n\n", commandLine(spec.Name, types.in))
	r.WriteString("Request:\n\n")
	r.members(types.in)
	if types.out.NumField() > 0 {
		r.WriteString("Answer:\n\n")
		r.members(types.out)
	} else {
		r.WriteString("Answer: 200 without a body.\n\n")
	}
	var errors []string
	for _, code := range spec.Errors {
		errors = append(errors, fmt.Sprintf("%s (%d)", code, code.Status()))
	}
	slices.Sort(errors)
	fmt.Fprintf(r, "Errors: %s.\n\n", strings.Join(errors, ", "))
}

// members is the table of a structure.
func (r *reference) members(s reflect.Type) {
	r.WriteString("| member | type | limits | meaning |\n|---|---|---|---|\n")
	for i := range s.NumField() {
		f := s.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if place := f.Tag.Get("uri"); name == "-" || name == "" {
			name = place
		}
		word, required := shapeTag(f)
		limits := r.limits(word)
		if required {
			limits = strings.TrimSuffix("required; "+limits, "; ")
		}
		fmt.Fprintf(r, "| `%s` | %s | %s | %s |\n", name, r.typeName(f.Type), limits, r.types[s.Name()].fields[f.Name])
	}
	r.WriteString("\n")
}

func shapeTag(f reflect.StructField) (word string, required bool) {
	for i, part := range strings.Split(f.Tag.Get("shape"), ",") {
		if i == 0 {
			word = part
		}
		required = required || part == "required"
	}
	return word, required
}

// limits says what a shape allows.
func (r *reference) limits(word string) string {
	if word == "" {
		return ""
	}
	s := shapes[word]
	var parts []string
	switch {
	case len(s.Values) > 0:
		parts = append(parts, "`"+strings.Join(s.Values, "`, `")+"`")
	case s.Min == s.Max && s.Max > 0:
		parts = append(parts, fmt.Sprintf("%d", s.Max))
	case s.Max == math.MaxInt32:
		parts = append(parts, fmt.Sprintf("from %d", s.Min))
	case s.Max > 0:
		parts = append(parts, fmt.Sprintf("%d to %d", s.Min, s.Max))
	}
	if s.Unique {
		parts = append(parts, "each once")
	}
	if s.Pattern != "" {
		parts = append(parts, "`"+strings.ReplaceAll(s.Pattern, "|", `\|`)+"`")
	}
	for _, inner := range []struct{ what, word string }{{"item", s.Member}, {"key", s.Key}, {"value", s.Value}} {
		if limits := r.limits(inner.word); limits != "" {
			parts = append(parts, inner.what+": "+limits)
		}
	}
	return strings.Join(parts, "; ")
}

// typeName is the type as JSON has it, with a link where it has members of its own.
func (r *reference) typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time, ISO 8601"
	case t.Kind() == reflect.Pointer:
		return r.typeName(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + r.typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "map of " + r.typeName(t.Elem())
	case t.Kind() == reflect.Struct:
		if !r.seen[t] {
			r.seen[t] = true
			r.queue = append(r.queue, t)
		}
		return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "number"
	default:
		return "integer"
	}
}

// commandLine is the call in the AWS CLI with what is required.
func commandLine(operation string, in reflect.Type) string {
	line := "aws ivs-realtime " + hyphenated(operation)
	for i := range in.NumField() {
		f := in.Field(i)
		if _, required := shapeTag(f); !required {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			name = f.Tag.Get("uri")
		}
		line += " --" + hyphenated(name) + " " + strings.ToUpper(strings.ReplaceAll(hyphenated(name), "-", "_"))
	}
	return line
}

// hyphenated is a name as the AWS CLI writes it.
func hyphenated(name string) string {
	var b strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
