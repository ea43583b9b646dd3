// Package bucket is where recordings rest: in folders of this machine
// ([Folders]) or in S3, Amazon's or any other server's ([NewS3]). It also makes
// and checks the signed links under which what rests in folders is shown
// ([Links]).
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"regexp"
	"strings"
)

// A Bucket keeps files by name. It may be used by all goroutines at once, and
// blocks for as long as the file takes or until the context ends.
//
// An error that wraps ErrNoBucket or ErrDenied won't pass by itself; any other
// may.
type Bucket interface {
	// Put keeps a file of this size, from its reader's current place to its
	// end. Who reads the name meanwhile, or after a failure, sees the old file
	// or the new one, never a part.
	Put(ctx context.Context, key string, file io.ReadSeeker) error

	// Get opens a file, to be closed by the caller; an error that wraps
	// ErrNoFile when there is none of this name.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
}

// Buckets finds a bucket by its name and region. It doesn't ask whether the
// bucket is there: the first use does.
type Buckets func(region, name string) (Bucket, error)

// What can be wrong with a bucket or a file.
var (
	ErrNoBucket = errors.New("bucket not found")
	ErrDenied   = errors.New("access to the bucket denied")
	ErrNoFile   = errors.New("file not found")
)

// names of buckets, as the API and S3 have them.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkName(name string) error {
	if !names.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%q can be no bucket: %w", name, ErrNoBucket)
	}
	return nil
}

// checkKey refuses what could lead out of a bucket, or to two names of one file.
func checkKey(key string) error {
	if key == "" || len(key) > 1024 || key != path.Clean(key) || path.IsAbs(key) || key == "." || key == ".." ||
		strings.HasPrefix(key, "../") || strings.ContainsAny(key, "\\\x00") {
		return fmt.Errorf("%q can be no file: %w", key, ErrNoFile)
	}
	return nil
}

// ContentType is what a file is, by its name.
func ContentType(key string) string {
	switch path.Ext(key) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".mp4", ".m4s":
		return "video/mp4"
	case ".json":
		return "application/json"
	case ".jpg":
		return "image/jpeg"
	}
	if t := mime.TypeByExtension(path.Ext(key)); t != "" {
		return t
	}
	return "application/octet-stream"
}
