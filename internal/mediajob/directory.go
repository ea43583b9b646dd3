//go:build cgo

package mediajob

import (
	"path/filepath"
	"strings"

	"rostrum/internal/durable"
)

// A directory holds the files of a recording. Each file is complete when it appears, and survives
// a power failure; names of media do with the playlist that follows them, in the same folder.
type directory string

// path is where the file with a name, which has slashes, is.
func (d directory) path(name string) string {
	return filepath.Join(string(d), filepath.FromSlash(name))
}

// put writes a file, or replaces it.
func (d directory) put(name string, data []byte) error {
	file := d.path(name)
	err := durable.WriteFile(file, data)
	if err == nil && !strings.HasSuffix(name, ".mp4") {
		err = durable.SyncFolder(filepath.Dir(file))
	}
	return err
}
