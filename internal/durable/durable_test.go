package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFile_ReplacesAFileAndLeavesNoOther(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "a", "b", "file")
	for _, text := range []string{"first", "2"} {
		if err := WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(name); err != nil || string(data) != text {
			t.Errorf("the file has %q, %v; %q was written", data, err, text)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Errorf("the folder has %v", left)
	}
	if err := SyncFolder(filepath.Dir(name)); err != nil {
		t.Error(err)
	}
}

func TestWriteFile_LeavesNothingAfterAnError(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "folder")
	if err := os.MkdirAll(filepath.Join(name, "with a file"), 0o750); err != nil { // so that it can't be replaced
		t.Fatal(err)
	}
	if err := WriteFile(name, []byte("text")); err == nil {
		t.Error("a file replaced a folder")
	}
	if err := WriteFile(filepath.Join(root, "file", "below"), nil); err != nil {
		t.Fatal(err)
	}
	if err := MakeFolder(filepath.Join(root, "file", "below", "it")); err == nil {
		t.Error("a folder was made below a file")
	}
	if left, _ := os.ReadDir(root); len(left) != 2 {
		t.Errorf("the folder has %v", left)
	}
}
