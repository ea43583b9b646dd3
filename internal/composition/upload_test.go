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

// A failingBucket refuses requests while it has a reason.
type failingBucket struct {
	bucket.Bucket
	reason *atomic.Pointer[error]
}

func (w failingBucket) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	if reason := w.reason.Load(); reason != nil {
		return *reason
	}
	return w.Bucket.Put(ctx, key, file)
}

func (w failingBucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if reason := w.reason.Load(); reason != nil {
		return nil, *reason
	}
	return w.Bucket.Get(ctx, key)
}

// A slowBucket needs some time for each file.
type slowBucket struct {
	bucket.Bucket
	delay time.Duration
}

func (s slowBucket) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Bucket.Put(ctx, key, file)
}

// failBuckets makes buckets refuse while there is a reason.
func failBuckets(reason *atomic.Pointer[error]) func(*composition.Parts, *composition.Config) {
	return func(p *composition.Parts, _ *composition.Config) {
		buckets := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := buckets(region, name)
			return failingBucket{b, reason}, err
		}
	}
}

func TestComposition_FailsByTheBucketsError(t *testing.T) {
	for name, c := range map[string]struct {
		reason   error
		expected []string
	}{
		"not found":     {bucket.ErrNoBucket, []string{"Destination Failure ResourceNotFoundException", "Session Failure DestinationFailure"}},
		"access denied": {bucket.ErrDenied, []string{"Destination Failure AccessDeniedException", "Session Failure DestinationFailure"}},
	} {
		t.Run(name, func(t *testing.T) {
			var reason atomic.Pointer[error]
			reason.Store(&c.reason)
			h := open(t, "works", failBuckets(&reason))
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

func TestComposition_SurvivesABucketThatDoesNotAnswer(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", failBuckets(&reason))
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	unavailable := errors.New("503 slow down")
	reason.Store(&unavailable)
	h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
	h.await(name, "files that wait", func(*ivsrealtime.Composition) bool {
		s := h.Stats()
		return len(s) == 1 && s[0].SpoolBytes > 5000
	})
	reason.Store(nil)
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	reason.Store(&unavailable) // and again at the end
	h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { reason.Store(nil) })
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination Reconnecting", "Destination End", "Session End")
}

func TestComposition_FailsWhenItsSpoolIsFull(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		failBuckets(&reason)(p, c)
		c.MaxSpoolBytes = 10_000
	})
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	unavailable := errors.New("503 slow down")
	reason.Store(&unavailable)
	h.awaitState(name, ivsrealtime.CompositionFailed)
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure")
	h.expectNoSpool()
}

func (h *harness) expectNoSpool() {
	h.t.Helper()
	if err := h.Close(); err != nil {
		h.t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(h.folder, "spool")); len(left) != 0 {
		h.t.Errorf("the spool keeps %v", left)
	}
}

// folderSize is the bytes in a folder.
func folderSize(t *testing.T, folder string) (n int64) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error { // files disappear meanwhile
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func TestComposition_FailsWithABucketSlowerThanTheRecording(t *testing.T) {
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		buckets := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := buckets(region, name)
			return slowBucket{b, 400 * time.Millisecond}, err
		}
		c.MaxSpoolBytes = 20_000
	})
	name := h.start()
	largest := int64(0)
	h.await(name, "FAILED", func(c *ivsrealtime.Composition) bool {
		largest = max(largest, folderSize(t, filepath.Join(h.folder, "spool")))
		return c.State == ivsrealtime.CompositionFailed
	})
	if largest > 200_000 { // playlists are not counted, and it is measured once a second
		t.Errorf("%d bytes were in a spool bounded to 20,000", largest)
	}
	c := h.get(name)
	if ended := h.recorded(c, "events/recording-failed.json"); !strings.Contains(string(ended), "RECORDING_ENDED_WITH_FAILURE") && !strings.Contains(string(ended), "RECORDING_START_FAILED") {
		t.Errorf("recording-failed.json is %s", ended)
	}
	h.expectNoSpool()
}

func TestComposition_ContinuesWhenOneOfItsDestinationsFailed(t *testing.T) {
	var reason atomic.Pointer[error]
	h := open(t, "works", func(p *composition.Parts, c *composition.Config) {
		buckets := p.Buckets
		p.Buckets = func(region, name string) (bucket.Bucket, error) {
			b, err := buckets(region, name)
			if name == "failing" {
				return failingBucket{b, &reason}, err
			}
			return b, err
		}
		c.MaxSpoolBytes = 20_000
	})
	failing := name(arn.StorageConfiguration)
	h.write(func(tx *store.Tx) error {
		return tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: failing, Tags: map[string]string{}, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "failing"}})
	})
	name := h.start(h.storage, failing)
	h.await(name, "both ACTIVE", func(c *ivsrealtime.Composition) bool {
		return c.Destinations[0].State == ivsrealtime.DestinationActive && c.Destinations[1].State == ivsrealtime.DestinationActive
	})
	unavailable := errors.New("503 slow down")
	reason.Store(&unavailable)
	c := h.await(name, "one FAILED", func(c *ivsrealtime.Composition) bool { return c.Destinations[1].State == ivsrealtime.DestinationFailed })
	if c.State != ivsrealtime.CompositionActive || c.Destinations[0].State != ivsrealtime.DestinationActive {
		t.Errorf("with a failed destination: %s with %s", c.State, c.Destinations[0].State)
	}
	before := len(h.list(c).Segments)
	h.await(name, "100 more segments", func(c *ivsrealtime.Composition) bool { return len(h.list(c).Segments) > before+100 })
	if n := folderSize(t, filepath.Join(h.folder, "spool", c.Destinations[1].ID)); n > 200_000 {
		t.Errorf("%d bytes wait for a destination that has failed", n)
	}
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Start", "Destination Reconnecting",
		"Destination Failure InternalServerException", "Destination End", "Session End")
	h.expectNoSpool()
}

// beginElsewhere continues on a node of another machine, without the former spools.
func (h *harness) beginElsewhere(name string) {
	h.t.Helper()
	h.end()
	h.parts.Spool = filepath.Join(h.folder, "spool of "+name)
	h.begin()
}

func TestComposition_WaitsForTheBucketOnAnotherNode(t *testing.T) {
	for what, c := range map[string]struct {
		reason   error
		retry    time.Duration
		expected []string
	}{
		"until it answers": {errors.New("503 slow down"), 0,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End"}},
		"for as long as configured": {errors.New("503 slow down"), 700 * time.Millisecond,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"unless access is denied": {bucket.ErrDenied, 0,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure AccessDeniedException", "Session Failure DestinationFailure"}},
	} {
		t.Run(what, func(t *testing.T) {
			var reason atomic.Pointer[error]
			h := open(t, "works", func(p *composition.Parts, cfg *composition.Config) {
				failBuckets(&reason)(p, cfg)
				cfg.UploadRetry = c.retry
			})
			name := h.start()
			h.awaitState(name, ivsrealtime.CompositionActive)
			reason.Store(&c.reason)
			h.beginElsewhere("two")
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
			h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
			h.expectEvents(name, c.expected...)
		})
	}
}

func TestComposition_IgnoresASpoolOlderThanTheBucket(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	spool := h.parts.Spool
	h.beginElsewhere("two") // elsewhere
	ahead := 0
	h.await(name, "40 segments", func(c *ivsrealtime.Composition) bool { ahead = len(h.list(c).Segments); return ahead > 40 })
	if left, _ := os.ReadDir(spool); len(left) != 1 {
		t.Fatalf("the first node's spool has %v", left)
	}
	h.beginElsewhere("three")
	h.end()
	h.parts.Spool = spool // of the first machine
	h.begin()
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if list := h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped)); len(list.Segments) < ahead {
		t.Errorf("%d segments are in a playlist that had %d", len(list.Segments), ahead)
	}
	h.expectNoSpool()
}

func TestRegistry_RemovesSpoolsThatAreNotNeeded(t *testing.T) {
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
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
}
