package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGenerated_DriftsFromNoDeclaration(t *testing.T) {
	const root = "../../.."
	for path := range files {
		expected, err := generate(root, path)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if string(seen) != string(expected) {
			t.Errorf("%s is stale: run go generate ./internal/wire", path)
		}
	}
}
