package control

import (
	"context"
	"testing"

	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/test/postgres"
)

// Readers are channels whose nodes are found in the store.
type readers struct {
	Channels
	store *store.Store
}

func (r readers) Streams(ctx context.Context, _ store.Owner, _ ivs.Health, _ store.Page) ([]ivs.Stream, int64, error) {
	return nil, 0, r.store.Read(ctx, func(*store.Tx) error { return nil })
}

// A transaction that waited for other nodes would keep its connection from everybody.
func TestListStreams_KeepsNoConnectionWhileNodesAreAsked(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir(), URL: postgres.Database(t), Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	pages, err := newPager(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{store: s, channels: readers{store: s}, pager: pages}
	if _, err := p.ListStreams(t.Context(), Caller{}, &ivs.ListStreamsInput{}); err != nil {
		t.Error(err)
	}
}
