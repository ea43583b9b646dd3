package server

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// errEnded interrupts the others when one part has come to its end.
var errEnded = errors.New("ended")

// together runs parts side by side. The first to return interrupts the rest by
// their context; together returns when every one has returned, with what the
// first one said. Parts end themselves when the context does.
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
