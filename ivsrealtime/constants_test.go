package ivsrealtime

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

// constants reads the string constants of each named type from the package's
// source; reflection doesn't know them.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, file := range source(t) {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				name, typed := v.Type.(*ast.Ident)
				if !typed || len(v.Values) != 1 {
					continue
				}
				if literal, ok := v.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					value, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					all[name.Name] = append(all[name.Name], value)
				}
			}
		}
	}
	return all
}

func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	//lint:ignore SA1019 the package is read as text: which build it belongs to doesn't matter
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	return packages["ivsrealtime"].Files
}

func TestDrift_EveryErrorCodeHasAStatus(t *testing.T) {
	for _, c := range constants(t)["Code"] {
		if _, ok := statuses[Code(c)]; !ok && Code(c) != UnknownError {
			t.Errorf("%s has no status", c)
		}
	}
}
