package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever uses a public package sees what each field means.
func TestPublicPackages_DocumentEveryExportedField(t *testing.T) {
	for _, folder := range []string{"../ivsrealtime", "../realtime"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no files: %v", folder, err)
		}
		fields := 0
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				fields += undocumented(t, file)
			}
		}
		if fields < 50 {
			t.Errorf("%s: found %d exported fields, expected all", folder, fields)
		}
	}
}

// undocumented reports the exported fields of a file that have no comment, and returns how many
// exported fields there are.
func undocumented(t *testing.T, file string) (fields int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		declared, ok := n.(*ast.TypeSpec)
		if !ok || !declared.Name.IsExported() {
			return true
		}
		structure, ok := declared.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range structure.Fields.List {
			for _, name := range f.Names {
				if !name.IsExported() {
					continue
				}
				fields++
				// The comment of a type on one line is that of its only field.
				inline := set.Position(structure.Pos()).Line == set.Position(structure.End()).Line
				if f.Doc == nil && f.Comment == nil && !inline {
					t.Errorf("%s: %s.%s has no comment", set.Position(name.Pos()), declared.Name, name)
				}
			}
		}
		return true
	})
	return fields
}
