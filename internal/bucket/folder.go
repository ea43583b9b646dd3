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
	"strings"
)

// Folders has a folder below root for each bucket, made at its first file. No
// name leads out of it, symbolic links included.
func Folders(root string) Buckets {
	return func(_, name string) (Bucket, error) {
		if err := checkName(name); err != nil {
			return nil, err
		}
		return folder(filepath.Join(root, name)), nil
	}
}

// A folder is a bucket on this machine.
type folder string

// unfinished ends the name of a file that is being written; such names are not
// given to files.
const unfinished = ".unfinished"

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
	if strings.HasSuffix(key, unfinished) {
		return ErrNoFile
	}
	if err := os.MkdirAll(string(f), 0o750); err != nil {
		return told(err)
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return told(err)
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(key), 0o750); err != nil {
		return told(err)
	}
	beside := key + "." + rand.Text() + unfinished // who else writes this file now has another
	if err := write(ctx, root, beside, file); err != nil {
		return errors.Join(told(err), absent(root.Remove(beside)))
	}
	return told(root.Rename(beside, key))
}

// write makes a file and has it on disk when it returns.
func write(ctx context.Context, root *os.Root, name string, from io.Reader) error {
	to, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, ctx.Err(), to.Sync(), to.Close())
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
		return nil, ErrNoFile // a bucket is there once something is in it
	}
	if err != nil {
		return nil, told(err)
	}
	defer root.Close()
	file, err := root.Open(key)
	if err != nil {
		return nil, told(err)
	}
	if s, err := file.Stat(); err != nil || !s.Mode().IsRegular() {
		return nil, errors.Join(ErrNoFile, file.Close())
	}
	return file, nil
}

// told is an error of the file system in the words of a bucket.
func told(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrDenied, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	return err
}

func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
