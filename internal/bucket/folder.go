package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rostrum/internal/durable"
)

// Folders has a folder below root for each bucket, created with its first file. No key
// leads out of it, nor does a symbolic link.
func Folders(root string) Buckets {
	return func(_, name string) (Bucket, error) {
		if err := checkName(name); err != nil {
			return nil, err
		}
		f := folder(filepath.Join(root, name))
		f.removeIncomplete()
		return f, nil
	}
}

// OpenFolder is the bucket whose files are in a folder.
func OpenFolder(path string) Bucket { return folder(path) }

// A folder is a bucket on this machine.
type folder string

// incompleteSuffix is of files that are being written, in the folder of the bucket. Keys with it
// are refused.
const incompleteSuffix = ".unfinished"

// incompleteAge is more than writing a file takes.
const incompleteAge = time.Hour

// removeIncomplete removes files that a killed process was writing.
func (f folder) removeIncomplete() {
	files, _ := filepath.Glob(filepath.Join(string(f), "*"+incompleteSuffix))
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > incompleteAge {
			_ = os.Remove(name) // which the next process tries again
		}
	}
}

// Check creates and removes a file in the bucket, or, before there is one, in the folder where
// it will be created.
func (f folder) Check(context.Context) error {
	place := string(f)
	for !isFolder(place) && place != filepath.Dir(place) {
		if _, err := os.Lstat(place); err == nil {
			return fmt.Errorf("%s is no folder: %w", place, ErrDenied)
		}
		place = filepath.Dir(place)
	}
	file, err := os.CreateTemp(place, "*"+incompleteSuffix)
	if err != nil {
		return bucketError(err)
	}
	return bucketError(errors.Join(file.Close(), os.Remove(file.Name())))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (f folder) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	if err := f.put(ctx, key, file); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (f folder) put(ctx context.Context, key string, file io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if strings.HasSuffix(key, incompleteSuffix) {
		return ErrNoFile
	}
	if err := durable.MakeFolder(string(f)); err != nil {
		return bucketError(err)
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return bucketError(err)
	}
	defer root.Close()
	if err := makeFolder(root, path.Dir(key)); err != nil {
		return bucketError(err)
	}
	incomplete := rand.Text() + incompleteSuffix // several may write the same key
	if err := write(ctx, root, incomplete, file); err != nil {
		return errors.Join(bucketError(err), ignoreMissing(root.Remove(incomplete)))
	}
	if err := root.Rename(incomplete, key); err != nil {
		return bucketError(err)
	}
	return bucketError(syncFolder(root, path.Dir(key)))
}

// makeFolder makes a folder, with those that it is in, and makes their names durable.
func makeFolder(root *os.Root, name string) error {
	if _, err := root.Stat(name); err == nil {
		return nil
	}
	if err := makeFolder(root, path.Dir(name)); err != nil {
		return err
	}
	if err := root.MkdirAll(name, 0o750); err != nil { // another may have made it meanwhile
		return err
	}
	return syncFolder(root, path.Dir(name))
}

func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(durable.Sync(f), f.Close())
}

// write makes a file, which is on disk when it returns.
func write(ctx context.Context, root *os.Root, name string, from io.Reader) error {
	to, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, ctx.Err()); err == nil {
		err = to.Sync() // which may take seconds
	}
	return errors.Join(err, to.Close())
}

func (f folder) Get(_ context.Context, key string) (io.ReadCloser, error) {
	file, err := f.open(key)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return file, nil
}

func (f folder) open(key string) (*os.File, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoFile // the folder is created with the first file
	}
	if err != nil {
		return nil, bucketError(err)
	}
	defer root.Close()
	file, err := root.Open(key)
	if err != nil {
		return nil, bucketError(err)
	}
	if s, err := file.Stat(); err != nil || !s.Mode().IsRegular() {
		return nil, errors.Join(ErrNoFile, file.Close())
	}
	return file, nil
}

func (f folder) List(ctx context.Context, prefix, after string, each func(File) error) error {
	root, err := os.OpenRoot(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the folder is created with the first file
	}
	if err != nil {
		return bucketError(err)
	}
	defer root.Close()
	from := path.Dir(prefix + "x") // the folder of all that begins so
	if !fs.ValidPath(from) {
		return fmt.Errorf("list %q: %w", prefix, ErrNoFile)
	}
	return fs.WalkDir(root.FS(), from, func(key string, entry fs.DirEntry, err error) error {
		if err = errors.Join(ignoreMissing(err), ctx.Err()); err != nil || entry == nil {
			return bucketError(err)
		}
		if entry.IsDir() && isListed(key, after) {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() || isListed(key, after) || !strings.HasPrefix(key, prefix) || strings.HasSuffix(key, incompleteSuffix) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		return each(File{key, info.Size()})
	})
}

// isListed reports whether a file or folder comes before the end of a folder that was listed,
// in the order of fs.WalkDir. A folder that has that one in it does not.
func isListed(key, after string) bool {
	if after == "" || key == "." || strings.HasPrefix(after, key+"/") {
		return false
	}
	return strings.HasPrefix(key, after+"/") || slices.Compare(strings.Split(key, "/"), strings.Split(after, "/")) <= 0
}

// bucketError is an error of the file system as one of a bucket.
func bucketError(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrDenied, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
