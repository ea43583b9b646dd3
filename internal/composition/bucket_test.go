package composition_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/composition"
	"rostrum/ivsrealtime"
)

// A weak bucket refuses what is put into it while it has a reason.
type weak struct {
	bucket.Bucket
	reason *atomic.Pointer[error]
}

func (w weak) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	if reason := w.reason.Load(); reason != nil {
		return *reason
	}
	return w.Bucket.Put(ctx, key, file)
}

// weaken puts a reason to refuse before a house's buckets.
func weaken(reason *atomic.Pointer[error]) func(*composition.Parts, *composition.Config) {
	return func(p *composition.Parts, _ *composition.Config) {
		behind := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := behind(region, name)
			return weak{b, reason}, err
		}
	}
}

func TestComposition_TellsWhatIsWrongWithABucket(t *testing.T) {
	for name, c := range map[string]struct {
		reason   error
		expected []string
	}{
		"it is not there": {bucket.ErrNoBucket, []string{"Destination Failure ResourceNotFoundException", "Session Failure DestinationFailure"}},
		"it is closed":    {bucket.ErrDenied, []string{"Destination Failure AccessDeniedException", "Session Failure DestinationFailure"}},
	} {
		t.Run(name, func(t *testing.T) {
			var reason atomic.Pointer[error]
			reason.Store(&c.reason)
			h := open(t, "works", weaken(&reason))
			name := h.start()
			made := h.awaitState(name, ivsrealtime.CompositionFailed)
			if s := made.Destinations[0].State; s != ivsrealtime.DestinationFailed {
				t.Errorf("the destination is %s", s)
			}
			h.expectEvents(name, c.expected...)
			if _, running := h.workers(); running != 0 {
				t.Errorf("%d workers are left", running)
			}
		})
	}
}

func TestComposition_OutlivesABucketThatDoesNotAnswer(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", weaken(&reason))
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	away := errors.New("503 slow down")
	reason.Store(&away)
	h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
	h.await(name, "files that wait", func(*ivsrealtime.Composition) bool {
		s := h.Stats()
		return len(s) == 1 && s[0].SpoolBytes > 5000
	})
	reason.Store(nil)
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	reason.Store(&away) // and away again at the end
	h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { reason.Store(nil) })
	h.expectWhole(h.awaitState(name, ivsrealtime.CompositionStopped))
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination Reconnecting", "Destination End", "Session End")
}

func TestComposition_GivesUpWhenNoMoreCanWait(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		weaken(&reason)(p, c)
		c.SpoolBytes = 10_000
	})
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	away := errors.New("503 slow down")
	reason.Store(&away)
	h.awaitState(name, ivsrealtime.CompositionFailed)
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(h.folder, "spool")); len(left) != 0 {
		t.Errorf("the spool keeps %v", left)
	}
}
