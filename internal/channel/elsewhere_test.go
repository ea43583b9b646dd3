package channel

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bus"
	"rostrum/internal/hls"
	"rostrum/internal/ivs"
	"rostrum/internal/node"
	"rostrum/internal/store"
)

// Players of a channel are sent to the node that has it, not to one that had it, and also while the
// database does not answer.
func TestPlaysElsewhere_FindsTheNodeThatHasTheChannel(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	n, err := node.Open(t.Context(), s, node.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(s, n, Config{Bus: bus.New(n.ID(), log), Log: log})
	t.Cleanup(func() { _ = errors.Join(r.Close(), n.Close(), s.Close()) })
	moved, gone := arn.New(arn.Channel, "111122223333", "eu-west-1"), arn.New(arn.Channel, "111122223333", "eu-west-1")
	write := func(f func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Write(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) error {
		err := tx.AddNode("other", time.Now(), store.NodeAddress{Internal: "10.0.0.2:7090"})
		for _, a := range []arn.ARN{moved, gone} {
			err = errors.Join(err, tx.Channels().Create(&store.Channel{Channel: ivs.Channel{ARN: a.String(), Tags: map[string]string{}}}), tx.Hold(a.String(), "other"))
		}
		return err
	})
	find := func(id string) string {
		if to := r.PlaysElsewhere(t.Context(), PlaybackPath+id+"/index.m3u8"); to != nil {
			return to.ID
		}
		return ""
	}
	look := func() { r.elsewhere.checked = time.Time{} }
	r.playbacks[moved.ID] = &playback{live: hls.NewLive()} // it was here before
	for _, a := range []arn.ARN{moved, gone} {
		if to := find(a.ID); to != "other" {
			t.Errorf("%s plays at %q", a.ID, to)
		}
	}
	for i := range 1000 {
		if to := find(fmt.Sprintf("absent%d", i)); to != "" {
			t.Errorf("a channel that nobody has plays at %q", to)
		}
	}
	if known := len(r.elsewhere.nodes); known != 2 {
		t.Errorf("%d channels are remembered", known)
	}
	write(func(tx *store.Tx) error { return tx.ReleaseAll("other") })
	look()
	if to := find(gone.ID); to != "other" {
		t.Errorf("the end of a channel plays at %q", to)
	}
	if to := find(moved.ID); to != "" {
		t.Errorf("the end of a channel that is here plays at %q", to)
	}
	delete(r.playbacks, moved.ID)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look()
	if to := find(gone.ID); to != "other" {
		t.Errorf("without the database the channel plays at %q", to)
	}
}
