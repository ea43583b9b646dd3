// Package durable writes files and names that survive a power failure.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// IncompleteSuffix is of the name that WriteFile uses until a file is complete.
const IncompleteSuffix = ".new"

// WriteFile writes a file, or replaces it, and makes the folders that it needs. The file is
// complete and on disk when its name appears. The name itself is durable after SyncFolder.
func WriteFile(name string, data []byte) error {
	if err := MakeFolder(filepath.Dir(name)); err != nil {
		return err
	}
	incomplete := name + IncompleteSuffix
	err := write(incomplete, data)
	if err == nil {
		err = os.Rename(incomplete, name)
	}
	if err == nil {
		return nil
	}
	if remove := os.Remove(incomplete); !errors.Is(remove, fs.ErrNotExist) {
		err = errors.Join(err, remove)
	}
	return err // as of a full disk
}

func write(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// MakeFolder makes a folder, with those that it is in, and makes their names durable.
func MakeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(path, 0o750); err != nil { // another may have made it meanwhile
		return err
	}
	return SyncFolder(parent)
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(Sync(f), f.Close())
}

// Sync makes the names in a folder durable that is open. Windows does so unasked, and refuses to
// be asked.
func Sync(folder *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return folder.Sync()
}
