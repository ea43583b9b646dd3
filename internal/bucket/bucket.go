// Package bucket stores recordings: in folders of this machine ([Folders]) or in S3, of
// Amazon or any other server ([NewS3]). It also makes and checks the signed links to files
// in folders ([Links]).
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

// A Bucket stores files by key. It may be used by several goroutines. Its methods block
// until the file is transferred or the context ends.
//
// An error that wraps ErrNoBucket, ErrDenied or ErrRegion is a refusal, see IsRefusal; any other
// may be temporary.
type Bucket interface {
	// Check reports whether the bucket takes files. It leaves none.
	Check(ctx context.Context) error

	// Put stores a file, from its reader's current position to its end. A reader of
	// the key sees the old file or the new one, never a part, also after a failure.
	Put(ctx context.Context, key string, file io.ReadSeeker) error

	// Get opens a file, which the caller closes. The error wraps ErrNoFile where there
	// is none.
	Get(ctx context.Context, key string) (io.ReadCloser, error)

	// List calls each for the files whose keys begin with a prefix, until it returns an
	// error. It begins after all files in the folder after, unless that is empty; the order
	// is the same in all calls. A bucket without such files is no error.
	List(ctx context.Context, prefix, after string, each func(File) error) error
}

// A File is what List says of a file.
type File struct {
	Key  string
	Size int64
}

// Buckets returns a bucket by its name and region. Whether the bucket exists is known with
// the first use.
type Buckets func(region, name string) (Bucket, error)

// Errors of buckets and files.
var (
	ErrNoBucket = errors.New("bucket not found")
	ErrDenied   = errors.New("access to the bucket denied")
	ErrRegion   = errors.New("the bucket is in another region")
	ErrNoFile   = errors.New("file not found")
)

// IsRefusal reports whether a bucket takes no files as it is configured.
func IsRefusal(err error) bool {
	return errors.Is(err, ErrNoBucket) || errors.Is(err, ErrDenied) || errors.Is(err, ErrRegion)
}

// bucketName is a valid name, as in the API and S3.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkName(name string) error {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%q is no name of a bucket: %w", name, ErrNoBucket)
	}
	return nil
}

// checkKey refuses keys that could lead out of a bucket, or name a file twice.
func checkKey(key string) error {
	if key == "" || len(key) > 1024 || key != path.Clean(key) || path.IsAbs(key) || key == "." || key == ".." ||
		strings.HasPrefix(key, "../") || strings.ContainsAny(key, "\\\x00") {
		return fmt.Errorf("%q is no key of a file: %w", key, ErrNoFile)
	}
	return nil
}

// ContentType is the content type of a file, by its key.
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
