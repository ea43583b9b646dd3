package composition_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/composition"
	"rostrum/internal/hls"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A harness is a registry with a store and a folder for buckets.
type harness struct {
	*composition.Registry
	t       *testing.T
	store   *store.Store
	auth    *authority.Authority
	folder  string
	runs    *runs
	parts   composition.Parts
	cfg     composition.Config
	stage   string
	encoder string
	storage string
}

// open opens a harness whose workers behave in a way (see fakeWorker).
func open(t *testing.T, how string, change func(*composition.Parts, *composition.Config)) *harness {
	t.Helper()
	h := &harness{t: t, folder: t.TempDir(), runs: countRuns(t)}
	var err error
	if h.store, err = store.Open(t.Context(), store.Config{Ephemeral: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	if h.auth, err = authority.New(t.Context(), h.store, authority.Config{PublicURL: "http://127.0.0.1:7080"}); err != nil {
		t.Fatal(err)
	}
	h.parts = composition.Parts{
		Store: h.store, Authority: h.auth,
		Buckets: bucket.Folders(filepath.Join(h.folder, "buckets")), Spool: filepath.Join(h.folder, "spool"),
	}
	h.cfg = composition.Config{Program: h.runs.program(how), Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&h.parts, &h.cfg)
	}
	h.begin()
	h.createResources()
	return h
}

// begin opens a node with a registry, which continues the compositions of former nodes.
func (h *harness) begin() {
	h.t.Helper()
	n, err := node.Open(h.t.Context(), h.store, node.Config{Log: h.cfg.Log})
	if err != nil {
		h.t.Fatal(err)
	}
	h.parts.Node = n
	r := composition.NewRegistry(h.parts, h.cfg)
	h.Registry = r
	h.t.Cleanup(func() { _, _ = r.Close(), n.Close() })
	if err := n.Recover(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// end closes the registry and its node.
func (h *harness) end() {
	h.t.Helper()
	if err := errors.Join(h.Close(), h.parts.Node.Close()); err != nil {
		h.t.Error(err)
	}
}

func (h *harness) write(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.Write(context.Background(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func name(kind arn.Type) string { return arn.New(kind, "111122223333", "eu-west-1").String() }

func ptr[T any](v T) *T { return &v }

func (h *harness) createResources() {
	h.stage, h.encoder, h.storage = name(arn.Stage), name(arn.EncoderConfiguration), name(arn.StorageConfiguration)
	h.write(func(tx *store.Tx) error {
		if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: h.stage, Tags: map[string]string{}}); err != nil {
			return err
		}
		if err := tx.Encoders().Create(&ivsrealtime.EncoderConfiguration{ARN: h.encoder, Tags: map[string]string{}, Video: &ivsrealtime.Video{
			Width: ptr(640), Height: ptr(360), Framerate: ptr(30.0), Bitrate: ptr(1_000_000),
		}}); err != nil {
			return err
		}
		return tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: h.storage, Tags: map[string]string{}, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	})
}

// start makes a composition with a recording for each storage configuration, by default
// the one of the harness, and runs it.
func (h *harness) start(storages ...string) string {
	h.t.Helper()
	if len(storages) == 0 {
		storages = []string{h.storage}
	}
	var destinations []ivsrealtime.Destination
	for _, storage := range storages {
		destinations = append(destinations, h.recordingIn(storage))
	}
	return h.compose(destinations...)
}

// recordingIn is a destination that records.
func (h *harness) recordingIn(storage string) ivsrealtime.Destination {
	id := arn.NewID()
	return ivsrealtime.Destination{
		ID: id, State: ivsrealtime.DestinationStarting,
		Detail: &ivsrealtime.DestinationDetail{S3: &ivsrealtime.S3Detail{RecordingPrefix: "s/c/" + id + "/composite"}},
		Configuration: &ivsrealtime.DestinationConfiguration{S3: &ivsrealtime.S3DestinationConfiguration{
			StorageConfigurationARN: storage, EncoderConfigurationARNs: []string{h.encoder},
			RecordingConfiguration: &ivsrealtime.RecordingConfiguration{HLSConfiguration: &ivsrealtime.CompositionRecordingHLSConfiguration{TargetSegmentDurationSeconds: ptr(2)}},
		}},
	}
}

// compose makes a composition and runs it.
func (h *harness) compose(destinations ...ivsrealtime.Destination) string {
	h.t.Helper()
	made := name(arn.Composition)
	h.write(func(tx *store.Tx) error {
		if err := tx.Compositions().Create(&ivsrealtime.Composition{
			ARN: made, StageARN: h.stage, State: ivsrealtime.CompositionStarting, StartTime: time.Now().UTC().Truncate(time.Second),
			Tags: map[string]string{}, Layout: &ivsrealtime.LayoutConfiguration{Grid: &ivsrealtime.GridConfiguration{GridGap: ptr(2), VideoAspectRatio: ivsrealtime.AspectVideo, VideoFillMode: ptr(ivsrealtime.VideoFillMode(""))}},
			Destinations: destinations,
		}); err != nil {
			return err
		}
		return h.Hold(tx, made)
	})
	h.Run(made)
	return made
}

func (h *harness) get(name string) (c *ivsrealtime.Composition) {
	h.t.Helper()
	err := h.store.Read(context.Background(), func(tx *store.Tx) (err error) {
		c, err = tx.Compositions().Get(name)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// await waits until a composition meets a condition.
func (h *harness) await(name, what string, is func(*ivsrealtime.Composition) bool) *ivsrealtime.Composition {
	h.t.Helper()
	end := time.After(20 * time.Second)
	for {
		changed := h.store.Changed()
		c := h.get(name)
		if is(c) {
			return c
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond): // not every change has an event
		case <-end:
			h.t.Fatalf("expected %s, saw %s with %s; events %v", what, c.State, c.Destinations[0].State, h.events(name))
		}
	}
}

func (h *harness) awaitState(name string, s ivsrealtime.CompositionState) *ivsrealtime.Composition {
	h.t.Helper()
	return h.await(name, string(s), func(c *ivsrealtime.Composition) bool { return c.State == s })
}

func (h *harness) awaitDestination(name string, s ivsrealtime.DestinationState) {
	h.t.Helper()
	h.await(name, "a destination "+string(s), func(c *ivsrealtime.Composition) bool { return c.Destinations[0].State == s })
}

// events are the names of a composition's events, with their codes.
func (h *harness) events(name string) (all []string) {
	h.t.Helper()
	events, err := h.store.Events(context.Background(), store.EventQuery{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range events {
		if e.Resource != name {
			continue
		}
		var d struct {
			Name string `json:"event_name"`
			Code string `json:"error_code"`
		}
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(d.Name+" "+d.Code))
	}
	return all
}

func (h *harness) expectEvents(name string, expected ...string) {
	h.t.Helper()
	if got := h.events(name); !slices.Equal(got, expected) {
		h.t.Errorf("events: expected %q, saw %q", expected, got)
	}
}

// workers counts the processes that ran, and those that still do.
func (h *harness) workers() (ran, running int) {
	all := h.runs.pids()
	for _, pid := range all {
		if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && strings.Contains(string(line), "compose") {
			running++
		}
	}
	return len(all), running
}

// recorded reads a file of the first destination's recording; nil when there is none.
func (h *harness) recorded(c *ivsrealtime.Composition, file string) []byte {
	data, err := os.ReadFile(filepath.Join(h.folder, "buckets", "recordings", c.Destinations[0].Detail.S3.RecordingPrefix, file))
	if err != nil {
		return nil
	}
	return data
}

// list is the playlist of the first destination's recording in the bucket.
func (h *harness) list(c *ivsrealtime.Composition) (p hls.Playlist) {
	h.t.Helper()
	for _, name := range h.recordings(c) {
		data, err := os.ReadFile(filepath.Join(name, "playlist.m3u8"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			p, err = hls.Parse(data)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return p
}

// recordings are the folders of the first destination's renditions in the bucket.
func (h *harness) recordings(c *ivsrealtime.Composition) []string {
	folders, _ := filepath.Glob(filepath.Join(h.folder, "buckets", "recordings", c.Destinations[0].Detail.S3.RecordingPrefix, "media/hls/360p30-*"))
	return folders
}

// expectComplete checks that the playlist has ended and names only files in the bucket.
func (h *harness) expectComplete(c *ivsrealtime.Composition) hls.Playlist {
	h.t.Helper()
	folders := h.recordings(c)
	if len(folders) != 1 {
		h.t.Fatalf("expected one rendition, saw %v", folders)
	}
	list := h.list(c)
	for _, s := range list.Segments {
		if _, err := os.Stat(filepath.Join(folders[0], s.Name)); err != nil {
			h.t.Errorf("the playlist names a missing segment: %v", err)
		}
	}
	if !list.Ended {
		h.t.Error("the playlist of a recording that ended is not VOD")
	}
	return list
}
