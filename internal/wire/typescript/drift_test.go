package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGenerated_DriftsFromNoDeclaration(t *testing.T) {
	const root = "../../.."
	expected, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(filepath.Join(root, declarationsFile))
	if err != nil {
		t.Fatal(err)
	}
	if string(seen) != string(expected) {
		t.Errorf("%s is stale: run go generate ./internal/wire", declarationsFile)
	}
}
