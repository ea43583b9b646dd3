// Command godoc writes the reference of a Go package, as go doc shows it, as a page of Markdown
// to standard output: godoc FOLDER IMPORTPATH.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: godoc FOLDER IMPORTPATH")
	}
	page, err := reference(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal("godoc: ", err)
	}
	os.Stdout.Write(page)
}

// reference is the page of the package in a folder.
func reference(folder, importPath string) ([]byte, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(file.Name.Name, "_test") || strings.HasSuffix(name, "example_test.go") {
			parsed = append(parsed, file)
		}
	}
	pkg, err := doc.NewFromFiles(files, parsed, importPath)
	if err != nil {
		return nil, err
	}
	w := writer{files: files, pkg: pkg}
	fmt.Fprintf(&w, "# Go package %s\n\n`import \"%s\"`\n\n", pkg.Name, importPath)
	w.text(pkg.Doc)
	w.examples(pkg.Examples)
	w.values("Constants", pkg.Consts)
	w.values("Variables", pkg.Vars)
	for _, f := range pkg.Funcs {
		w.function("func "+f.Name, "##", f)
	}
	for _, t := range pkg.Types {
		w.typ(t)
	}
	return w.Bytes(), w.err
}

// A writer writes the parts of a page.
type writer struct {
	bytes.Buffer
	files *token.FileSet
	pkg   *doc.Package
	err   error
}

// text writes a comment; its headings stand below those of the page.
func (w *writer) text(text string) {
	printer := w.pkg.Printer()
	printer.HeadingLevel = 4
	printer.HeadingID = func(*comment.Heading) string { return "" }
	printer.DocLinkURL = func(link *comment.DocLink) string {
		if link.ImportPath != "" {
			return link.DefaultURL("https://pkg.go.dev")
		}
		return w.anchor(link.Recv, link.Name)
	}
	w.Write(printer.Markdown(w.pkg.Parser().Parse(text)))
	w.WriteString("\n")
}

// anchor is the link to a name. Methods of embedded types have no heading of their own, and values
// are below a heading of all.
func (w *writer) anchor(receiver, name string) string {
	for _, f := range w.pkg.Funcs {
		if receiver == "" && f.Name == name {
			return "#" + strings.ToLower(name)
		}
	}
	for _, t := range w.pkg.Types {
		switch {
		case receiver == "" && t.Name == name, receiver == t.Name && !hasFunction(t.Methods, name):
			return "#" + strings.ToLower(t.Name)
		case receiver == t.Name:
			return "#" + strings.ToLower(receiver+"-"+name)
		case receiver == "" && hasFunction(t.Funcs, name):
			return "#" + strings.ToLower(name)
		case receiver == "" && (hasValue(t.Consts, name) || hasValue(t.Vars, name)):
			return "#" + strings.ToLower(t.Name)
		}
	}
	if hasValue(w.pkg.Consts, name) {
		return "#constants"
	}
	return "#variables"
}

func hasFunction(functions []*doc.Func, name string) bool {
	return slices.ContainsFunc(functions, func(f *doc.Func) bool { return f.Name == name })
}

func hasValue(values []*doc.Value, name string) bool {
	return slices.ContainsFunc(values, func(v *doc.Value) bool { return slices.Contains(v.Names, name) })
}

func (w *writer) code(node any) {
	w.WriteString("```go\n")
	if err := format.Node(w, w.files, node); err != nil && w.err == nil {
		w.err = err
	}
	w.WriteString("\n```\n\n")
}

func (w *writer) values(heading string, values []*doc.Value) {
	if len(values) > 0 && heading != "" {
		fmt.Fprintf(w, "## %s\n\n", heading)
	}
	for _, v := range values {
		w.text(v.Doc)
		w.code(v.Decl)
	}
}

func (w *writer) function(heading, level string, f *doc.Func) {
	id := f.Name
	if f.Recv != "" {
		receiver, _, _ := strings.Cut(strings.TrimPrefix(f.Recv, "*"), "[") // without type parameters
		id = receiver + "-" + f.Name
	}
	fmt.Fprintf(w, "%s %s {#%s}\n\n", level, heading, strings.ToLower(id))
	f.Decl.Body = nil
	f.Decl.Doc = nil
	w.code(f.Decl)
	w.text(f.Doc)
	w.examples(f.Examples)
}

func (w *writer) typ(t *doc.Type) {
	fmt.Fprintf(w, "## type %s {#%s}\n\n", t.Name, strings.ToLower(t.Name))
	t.Decl.Doc = nil
	w.text(t.Doc)
	w.code(t.Decl)
	w.examples(t.Examples)
	w.values("", t.Consts)
	w.values("", t.Vars)
	for _, f := range t.Funcs {
		w.function("func "+f.Name, "###", f)
	}
	for _, m := range t.Methods {
		w.function(fmt.Sprintf("(%s) %s", m.Recv, m.Name), "###", m)
	}
}

func (w *writer) examples(examples []*doc.Example) {
	for _, e := range examples {
		fmt.Fprintf(w, "Example%s:\n\n", strings.TrimSuffix(" ("+e.Suffix+")", " ()"))
		w.text(e.Doc)
		w.code(e.Code)
	}
}
