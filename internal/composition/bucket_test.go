package composition_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bucket"
	"rostrum/internal/composition"
	"rostrum/internal/store"
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

func (w weak) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if reason := w.reason.Load(); reason != nil {
		return nil, *reason
	}
	return w.Bucket.Get(ctx, key)
}

// A slow bucket takes its time over each file.
type slow struct {
	bucket.Bucket
	takes time.Duration
}

func (s slow) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Bucket.Put(ctx, key, file)
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
	h.expectNoSpool()
}

func (h *house) expectNoSpool() {
	h.t.Helper()
	if err := h.Close(); err != nil {
		h.t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(h.folder, "spool")); len(left) != 0 {
		h.t.Errorf("the spool keeps %v", left)
	}
}

// filled is how many bytes are in a folder.
func filled(t *testing.T, folder string) (n int64) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error { // files come and go
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func TestComposition_GivesUpABucketThatIsSlowerThanTheRecording(t *testing.T) {
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		behind := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := behind(region, name)
			return slow{b, 400 * time.Millisecond}, err
		}
		c.SpoolBytes = 20_000
	})
	name := h.start()
	most := int64(0)
	h.await(name, "FAILED", func(c *ivsrealtime.Composition) bool {
		most = max(most, filled(t, filepath.Join(h.folder, "spool")))
		return c.State == ivsrealtime.CompositionFailed
	})
	if most > 200_000 { // playlists aren't counted, and it is looked at once a second
		t.Errorf("%d bytes were in a spool bounded to 20,000", most)
	}
	c := h.get(name)
	if ended := h.recorded(c, "events/recording-failed.json"); !strings.Contains(string(ended), "RECORDING_ENDED_WITH_FAILURE") && !strings.Contains(string(ended), "RECORDING_START_FAILED") {
		t.Errorf("recording-failed.json is %s", ended)
	}
	h.expectNoSpool()
}

func TestComposition_GoesOnForADestinationWhoseNeighbourFailed(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		behind := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := behind(region, name)
			if name == "poor" {
				return weak{b, &reason}, err
			}
			return b, err
		}
		c.SpoolBytes = 20_000
	})
	poor := name(arn.StorageConfiguration)
	h.write(func(tx *store.Tx) error {
		return tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: poor, Tags: map[string]string{}, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "poor"}})
	})
	name := h.start(h.storage, poor)
	h.await(name, "both ACTIVE", func(c *ivsrealtime.Composition) bool {
		return c.Destinations[0].State == ivsrealtime.DestinationActive && c.Destinations[1].State == ivsrealtime.DestinationActive
	})
	away := errors.New("503 slow down")
	reason.Store(&away)
	c := h.await(name, "one FAILED", func(c *ivsrealtime.Composition) bool { return c.Destinations[1].State == ivsrealtime.DestinationFailed })
	if c.State != ivsrealtime.CompositionActive || c.Destinations[0].State != ivsrealtime.DestinationActive {
		t.Errorf("beside a destination that failed: %s with %s", c.State, c.Destinations[0].State)
	}
	before := len(h.list(c).Segments)
	h.await(name, "100 more segments", func(c *ivsrealtime.Composition) bool { return len(h.list(c).Segments) > before+100 })
	if n := filled(t, filepath.Join(h.folder, "spool", c.Destinations[1].ID)); n > 200_000 {
		t.Errorf("%d bytes wait for a destination that has failed", n)
	}
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectWhole(h.awaitState(name, ivsrealtime.CompositionStopped))
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Start", "Destination Reconnecting",
		"Destination Failure InternalServerException", "Destination End", "Session End")
	h.expectNoSpool()
}

// another has a node go on that has nothing of what the first one spooled.
func (h *house) another(name string) {
	h.t.Helper()
	h.end()
	h.parts.Spool = filepath.Join(h.folder, "spool of "+name)
	h.begin()
}

func TestComposition_OnAnotherNodeWaitsForTheBucket(t *testing.T) {
	for what, c := range map[string]struct {
		reason   error
		patience time.Duration
		expected []string
	}{
		"that answers again": {errors.New("503 slow down"), 0,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End"}},
		"for as long as it may": {errors.New("503 slow down"), 700 * time.Millisecond,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"that is closed now": {bucket.ErrDenied, 0,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure AccessDeniedException", "Session Failure DestinationFailure"}},
	} {
		t.Run(what, func(t *testing.T) {
			var reason atomic.Pointer[error]
			h := open(t, "works", func(p *composition.Parts, cfg *composition.Config) {
				weaken(&reason)(p, cfg)
				cfg.Patience = c.patience
			})
			name := h.start()
			h.awaitState(name, ivsrealtime.CompositionActive)
			reason.Store(&c.reason)
			h.another("two")
			if c.expected[len(c.expected)-1] != "Session End" {
				h.awaitState(name, ivsrealtime.CompositionFailed)
				h.expectEvents(name, c.expected...)
				return
			}
			h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
			time.AfterFunc(time.Second, func() { reason.Store(nil) })
			h.awaitDestination(name, ivsrealtime.DestinationActive)
			if err := h.Stop(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			h.expectWhole(h.awaitState(name, ivsrealtime.CompositionStopped))
			h.expectEvents(name, c.expected...)
		})
	}
}

func TestComposition_BelievesNoSpoolThatAnotherNodeOutran(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	spool := h.parts.Spool
	h.another("two") // elsewhere
	ahead := 0
	h.await(name, "40 segments", func(c *ivsrealtime.Composition) bool { ahead = len(h.list(c).Segments); return ahead > 40 })
	if left, _ := os.ReadDir(spool); len(left) != 1 {
		t.Fatalf("the first node's spool has %v", left)
	}
	h.another("three")
	h.end()
	h.parts.Spool = spool // and back on the first one's machine
	h.begin()
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if list := h.expectWhole(h.awaitState(name, ivsrealtime.CompositionStopped)); len(list.Segments) < ahead {
		t.Errorf("%d segments are in a playlist that had %d", len(list.Segments), ahead)
	}
	h.expectNoSpool()
}

func TestRegistry_RemovesSpoolsThatNobodyNeeds(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	lost := filepath.Join(h.parts.Spool, arn.NewID(), "zero", "media", "hls")
	if err := os.MkdirAll(lost, 0o750); err != nil {
		t.Fatal(err)
	}
	h.end()
	h.begin()
	h.await(name, "one spool", func(*ivsrealtime.Composition) bool {
		left, _ := os.ReadDir(h.parts.Spool)
		return len(left) == 1
	})
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectWhole(h.awaitState(name, ivsrealtime.CompositionStopped))
}
