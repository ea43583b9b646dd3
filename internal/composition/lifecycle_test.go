package composition_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/composition"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestComposition_StartsAndStops(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	began := time.Now()
	c := h.awaitState(name, ivsrealtime.CompositionActive)
	t.Logf("ACTIVE after %v", time.Since(began))
	if c.Destinations[0].State != ivsrealtime.DestinationActive || c.Destinations[0].StartTime.IsZero() {
		t.Errorf("destination is %+v", c.Destinations[0])
	}
	h.await(name, "recording-started.json", func(c *ivsrealtime.Composition) bool { return h.recorded(c, "events/recording-started.json") != nil })
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if s := h.get(name).State; s != ivsrealtime.CompositionStopping && s != ivsrealtime.CompositionStopped {
		t.Errorf("expected STOPPING as soon as Stop returns, saw %s", s)
	}
	c = h.awaitState(name, ivsrealtime.CompositionStopped)
	if c.EndTime.IsZero() || c.Destinations[0].State != ivsrealtime.DestinationStopped || c.Destinations[0].EndTime.IsZero() {
		t.Errorf("after the end: %+v", c)
	}
	if err := h.Stop(t.Context(), name); err != nil {
		t.Errorf("stop again: %v", err)
	}
	h.expectEvents(name, "Session Start", "Destination Start", "Destination End", "Session End")
	list := h.expectComplete(c)
	var meta struct {
		Version   string `json:"version"`
		StageARN  string `json:"stage_arn"`
		StartedAt string `json:"recording_started_at"`
		EndedAt   string `json:"recording_ended_at"`
		Status    string `json:"recording_status"`
		Media     struct {
			HLS struct {
				DurationMS int64  `json:"duration_ms"`
				Path       string `json:"path"`
				Playlist   string `json:"playlist"`
				Renditions []struct {
					Path   string `json:"path"`
					Width  int    `json:"resolution_width"`
					Height int    `json:"resolution_height"`
				} `json:"renditions"`
			} `json:"hls"`
		} `json:"media"`
	}
	if err := json.Unmarshal(h.recorded(c, "events/recording-ended.json"), &meta); err != nil {
		t.Fatal(err)
	}
	m := meta.Media.HLS
	if meta.Version != "v1" || meta.StageARN != h.stage || meta.Status != "RECORDING_ENDED" || meta.StartedAt == "" || meta.EndedAt == "" ||
		m.DurationMS != list.Duration().Milliseconds() || m.Path != "media/hls" || m.Playlist != "multivariant.m3u8" ||
		len(m.Renditions) != 1 || m.Renditions[0].Width != 640 || m.Renditions[0].Height != 360 || !strings.HasPrefix(m.Renditions[0].Path, "360p30-") {
		t.Errorf("recording-ended.json is %+v", meta)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(h.folder, "spool")); len(left) != 0 {
		t.Errorf("the spool keeps %v", left)
	}
}

func TestComposition_StopsAfterItsTimeouts(t *testing.T) {
	for how, c := range map[string]struct {
		change   func(*composition.Parts, *composition.Config)
		expected []string
	}{
		"without publishers": {func(_ *composition.Parts, c *composition.Config) { c.IdleTimeout = 4 * time.Second },
			[]string{"Session Start", "Destination Start", "Destination End", "Session End"}},
		"works": {func(_ *composition.Parts, c *composition.Config) { c.MaxDuration = 4 * time.Second },
			[]string{"Session Start", "Destination Start", "Destination End", "Session End"}},
	} {
		t.Run(how, func(t *testing.T) {
			h := open(t, how, c.change)
			name := h.start()
			h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
			h.expectEvents(name, c.expected...)
		})
	}
}

func TestComposition_ReplacesFailedWorkers(t *testing.T) {
	for how, within := range map[string]time.Duration{"crashes once": time.Second, "hangs once": 2 * time.Second, "stands still once": 2 * time.Second} {
		t.Run(how, func(t *testing.T) {
			// Long enough for the first worker on a busy machine.
			h := open(t, how, func(_ *composition.Parts, c *composition.Config) { c.HeartbeatLimit = 4 * time.Second })
			name := h.start()
			h.awaitState(name, ivsrealtime.CompositionActive)
			h.awaitDestination(name, ivsrealtime.DestinationReconnecting)
			interrupted := time.Now()
			h.awaitDestination(name, ivsrealtime.DestinationActive)
			if took := time.Since(interrupted); took > within {
				t.Errorf("expected another worker within %v, it took %v", within, took)
			}
			if s := h.Stats(); len(s) != 1 || s[0].Restarts != 1 {
				t.Errorf("stats are %+v", s)
			}
			if err := h.Stop(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			list := h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
			if len(list.Segments) < 4 {
				t.Errorf("the second worker did not continue the playlist: %d segments", len(list.Segments))
			}
			h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End")
			if ran, running := h.workers(); ran != 2 || running != 0 {
				t.Errorf("expected 2 workers and none left, saw %d and %d", ran, running)
			}
		})
	}
}

func TestComposition_FailsWhenWorkersFailRepeatedly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	h := open(t, "refuses", nil)
	name := h.start()
	began := time.Now()
	for h.get(name).State != ivsrealtime.CompositionFailed && time.Since(began) < time.Minute {
		time.Sleep(50 * time.Millisecond) // the attempts take real time
	}
	h.awaitState(name, ivsrealtime.CompositionFailed)
	h.expectEvents(name, "Destination Failure InternalServerException", "Session Failure InternalServerException")
}

func TestComposition_KillsAWorkerThatDoesNotStop(t *testing.T) {
	h := open(t, "ignores its input", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	if _, running := h.workers(); running != 0 {
		t.Errorf("%d workers are left", running)
	}
}

func TestComposition_EndsWithItsStage(t *testing.T) {
	t.Run("reported by the server", func(t *testing.T) {
		h := open(t, "works", nil)
		name := h.start()
		h.awaitState(name, ivsrealtime.CompositionActive)
		h.write(func(tx *store.Tx) error { return tx.Stages().Delete(h.stage) })
		h.StageDeleted(h.stage)
		h.expectComplete(h.awaitState(name, ivsrealtime.CompositionFailed))
		h.expectEvents(name, "Session Start", "Destination Start", "Destination End", "Session Failure StageDeleted")
	})
	t.Run("reported by the worker", func(t *testing.T) {
		h := open(t, "finds the stage deleted", nil)
		name := h.start()
		h.expectComplete(h.awaitState(name, ivsrealtime.CompositionFailed))
		h.expectEvents(name, "Session Start", "Destination Start", "Destination End", "Session Failure StageDeleted")
	})
}

func TestComposition_ContinuesAfterARestart(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if s := h.get(name).State; s != ivsrealtime.CompositionActive {
		t.Errorf("expected the composition to stay ACTIVE while nobody runs it, saw %s", s)
	}
	if _, running := h.workers(); running != 0 {
		t.Errorf("%d workers outlive their server", running)
	}
	h.end()
	h.begin()
	h.await(name, "the second node's worker", func(*ivsrealtime.Composition) bool { ran, _ := h.workers(); return ran == 2 })
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	if err := h.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	h.expectEvents(name, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End")
}

// Another node that shares the store continues them while it runs.
func TestRegistry_TakesCompositionsOfNodeThatEnded(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	survivor, err := node.Open(t.Context(), h.store, node.Config{Shared: true, Lease: 2 * time.Second, Log: h.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	parts := h.parts
	parts.Node = survivor
	other := composition.NewRegistry(parts, h.cfg)
	t.Cleanup(func() { _, _ = other.Close(), survivor.Close() })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- survivor.Run(ctx) }()
	h.end()
	h.await(name, "the other node's worker", func(*ivsrealtime.Composition) bool { ran, _ := h.workers(); return ran == 2 })
	h.awaitDestination(name, ivsrealtime.DestinationActive)
	if err := other.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestComposition_EndsAfterARestartIfStopping(t *testing.T) {
	h := open(t, "works", nil)
	name := h.start()
	h.awaitState(name, ivsrealtime.CompositionActive)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(t.Context(), name); err != nil { // as by another node
		t.Fatal(err)
	}
	h.end()
	h.begin()
	h.expectComplete(h.awaitState(name, ivsrealtime.CompositionStopped))
	if ran, _ := h.workers(); ran != 1 {
		t.Errorf("expected no second worker, saw %d", ran)
	}
}

func TestComposition_LeavesNoProcesses(t *testing.T) {
	times := 100
	if os.Getenv("ROSTRUM_MANY") != "" {
		times = 1000
	}
	h := open(t, "works", nil)
	var all sync.WaitGroup
	turn := make(chan struct{}, 4)
	for range times {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			name := h.start()
			h.awaitState(name, ivsrealtime.CompositionActive)
			if err := h.Stop(context.Background(), name); err != nil {
				t.Error(err)
			}
			h.awaitState(name, ivsrealtime.CompositionStopped)
		})
	}
	all.Wait()
	if ran, running := h.workers(); ran != times || running != 0 {
		t.Errorf("expected %d workers and none left, saw %d and %d", times, ran, running)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(h.folder, "spool")); len(left) != 0 {
		t.Errorf("the spool keeps %d folders", len(left))
	}
	fmt.Fprintln(t.Output(), times, "starts and stops")
}
