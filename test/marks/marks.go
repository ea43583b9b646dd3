// Package marks reads what the test pattern says in recordings: which picture each is, and when
// it was drawn.
package marks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/recording"
	"rostrum/internal/testpattern"
)

// A Picture is one of a recording, and its time there.
type Picture struct {
	testpattern.Mark
	At time.Time
}

// Read returns the pictures of a recording. It exports the recording into a file.
func Read(ctx context.Context, r *recording.Recording, file string) ([]Picture, error) {
	begins, err := r.Begins(ctx)
	if err == nil {
		err = r.Export(ctx, file, begins)
	}
	if err != nil {
		return nil, err
	}
	in, err := container.Open(file, container.Options{NoAudio: true})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var all []Picture
	for {
		frame, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if mark, ok := testpattern.Find(frame.Data); ok {
			all = append(all, Picture{mark, begins.Add(frame.Time)})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no picture of %s says when it was drawn", r.Name())
	}
	return all, nil
}

// Lateness is the median of the time from when a picture was drawn to its time in the recording.
func Lateness(all []Picture) time.Duration {
	late := make([]time.Duration, 0, len(all))
	for _, p := range all {
		late = append(late, p.At.Sub(p.Sent))
	}
	slices.Sort(late)
	return late[len(late)/2]
}
