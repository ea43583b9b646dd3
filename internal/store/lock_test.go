package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen_ExclusiveRefusesDirectoryOfAnotherServer(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, Config{Dir: dir, Exclusive: true})
	_, err := Open(t.Context(), Config{Dir: dir, Exclusive: true})
	if expected := fmt.Sprintf("%s is in use by another server (pid %d)", dir, os.Getpid()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), expected) {
		t.Errorf("expected a refusal with %q, got %v", expected, err)
	}
	if err := opened(t, Config{Dir: dir}).Close(); err != nil { // as the tools do
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := opened(t, Config{Dir: dir, Exclusive: true}).Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen_ExclusiveLocksBeforeItChangesAnything(t *testing.T) {
	dir := t.TempDir()
	held, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := Open(t.Context(), Config{Dir: dir, Exclusive: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("expected %v, got %v", ErrInUse, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != lockFile {
		t.Errorf("expected %s alone, found %v", lockFile, left)
	}
}

func TestLockDir_NamesTheHostOfAnother(t *testing.T) {
	dir := t.TempDir()
	held, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for text, expected := range map[string]string{
		"17 elsewhere\n": "by another server (pid 17 on elsewhere)",
		"":               "by another server", // it has not written its id yet
	} {
		if err := os.WriteFile(filepath.Join(dir, lockFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := lockDir(dir); err == nil || !strings.HasSuffix(err.Error(), expected) {
			t.Errorf("%q: expected an error that ends in %q, got %v", text, expected, err)
		}
	}
}
