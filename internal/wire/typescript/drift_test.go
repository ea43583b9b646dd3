package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGenerated_DriftsFromNoDeclaration(t *testing.T) {
	const root = "../../.."
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, expected := range files {
		seen, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		} else if string(seen) != string(expected) {
			t.Errorf("%s is stale: run go generate ./internal/wire", path)
		}
	}
}
