//go:build cgo

package mediajob

import (
	"errors"
	"os"
	"path/filepath"
)

// A directory holds the files of a recording. Each file is complete when it appears:
// it is written under another name and renamed.
type directory string

// path is where the file with a name, which has slashes, is.
func (d directory) path(name string) string {
	return filepath.Join(string(d), filepath.FromSlash(name))
}

// put writes a file, or replaces it.
func (d directory) put(name string, data []byte) error {
	file := d.path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	incomplete := file + ".new"
	if err := os.WriteFile(incomplete, data, 0o640); err != nil {
		if rm := os.Remove(incomplete); rm != nil && !errors.Is(rm, os.ErrNotExist) {
			return errors.Join(err, rm)
		}
		return err
	}
	return os.Rename(incomplete, file)
}
