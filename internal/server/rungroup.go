package server

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// errEnded cancels the other parts when one returns without an error.
var errEnded = errors.New("ended")

// RunGroup runs parts concurrently until ctx ends or one returns, then cancels the context of
// the others. It returns the error of the first when all have returned.
func RunGroup(ctx context.Context, parts ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error {
			if err := part(ctx); err != nil {
				return err
			}
			return errEnded
		})
	}
	if err := group.Wait(); !errors.Is(err, errEnded) {
		return err
	}
	return nil
}
