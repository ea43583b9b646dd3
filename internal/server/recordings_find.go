package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"rostrum/internal/arn"
	"rostrum/internal/bucket"
	"rostrum/internal/config"
	"rostrum/internal/recording"
	"rostrum/internal/store"
	"rostrum/internal/worker"
)

// FindRecordings returns the recordings at places: storage configurations (their ARNs),
// buckets or prefixes in them (BUCKET/PREFIX), and folders of this machine (paths that
// begin with a dot or a slash). Without a place it returns those of all storage
// configurations.
func FindRecordings(ctx context.Context, s *config.Settings, places ...string) ([]*recording.Recording, error) {
	if len(places) == 0 {
		var err error
		if places, err = storagePlaces(ctx, s); err != nil {
			return nil, err
		}
	} else if err := checkPlaces(places); err != nil {
		return nil, err
	}
	var all []*recording.Recording
	for _, place := range places {
		b, name, prefix, err := openPlace(ctx, s, place)
		if err != nil {
			return nil, err
		}
		found, err := recording.Find(ctx, b, name, prefix)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// composerMemory bounds a process that decodes all participants of a session, in bytes.
const composerMemory = 4 << 30

// RecordingComposer is how a process runs that composes recordings.
func RecordingComposer(s *config.Settings, log io.Writer) worker.Config {
	return worker.Config{
		Program: worker.FindProgram(), Memory: composerMemory, Private: []string{s.DataDir, s.Config, s.TLSKey},
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// checkPlaces refuses folders that do not exist: a bucket without files may be one that gets
// its first recording.
func checkPlaces(places []string) error {
	for _, place := range places {
		if !isPath(place) {
			continue
		}
		if _, err := os.Stat(place); err != nil {
			return err
		}
	}
	return nil
}

func isPath(place string) bool { return strings.HasPrefix(place, ".") || filepath.IsAbs(place) }

// openPlace opens the bucket of a place. name is what people call it.
func openPlace(ctx context.Context, s *config.Settings, place string) (b bucket.Bucket, name, prefix string, err error) {
	if isPath(place) {
		return bucket.OpenFolder(place), filepath.ToSlash(filepath.Clean(place)), "", nil
	}
	region := string(s.Region)
	if strings.HasPrefix(place, "arn:") {
		var storage arn.ARN
		if storage, err = arn.Parse(place); err != nil {
			return nil, "", "", err
		}
		region = storage.Region
		err = s.WithStore(ctx, func(st *store.Store) error {
			return st.Read(ctx, func(tx *store.Tx) error {
				doc, err := tx.Storages().Get(place)
				if err == nil {
					name = doc.S3.BucketName
				}
				return err
			})
		})
		if err != nil {
			return nil, "", "", err
		}
	} else {
		name, prefix, _ = strings.Cut(strings.Trim(place, "/"), "/")
	}
	buckets, err := openBuckets(ctx, s)
	if err == nil {
		b, err = buckets(region, name)
	}
	return b, name, prefix, err
}

// openBuckets opens the buckets of the settings: folders in the data folder, or S3.
func openBuckets(ctx context.Context, s *config.Settings) (bucket.Buckets, error) {
	if s.S3Endpoint != "" {
		return bucket.NewS3(ctx, string(s.S3Endpoint))
	}
	return bucket.Folders(filepath.Join(s.DataDir, "buckets")), nil
}

// storagePlaces are the account's storage configurations, one for each bucket.
func storagePlaces(ctx context.Context, s *config.Settings) (places []string, err error) {
	const page = 100
	seen := map[string]bool{}
	err = s.WithStore(ctx, func(st *store.Store) error {
		return st.Read(ctx, func(tx *store.Tx) error {
			for p := (store.Page{Limit: page}); ; {
				all, next, err := tx.Storages().List(store.Owner{Account: string(s.Account), Region: string(s.Region)}, store.Filter{}, p)
				if err != nil {
					return err
				}
				for _, doc := range all {
					if !seen[doc.S3.BucketName] {
						seen[doc.S3.BucketName] = true
						places = append(places, doc.ARN)
					}
				}
				if p.After = next; next == 0 {
					return nil
				}
			}
		})
	})
	return places, err
}
