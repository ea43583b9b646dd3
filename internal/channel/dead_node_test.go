package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/channel"
	"rostrum/internal/ivs"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/test/postgres"
)

const (
	lease = 10 * time.Second
	beat  = lease / 20
	key   = "sk_eu-west-1_abcdefghijkl_secret"
)

// A server is a node with channels. Without its store it is dead.
type server struct {
	store    *store.Store
	node     *node.Node
	channels *channel.Registry
	stop     context.CancelFunc
	stopped  chan error
}

// start starts a server, which first closes what former processes left.
func start(t *testing.T, cfg store.Config, shared bool) *server {
	t.Helper()
	s := &server{stopped: make(chan error, 1)}
	var err error
	if s.store, err = store.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if s.node, err = node.Open(t.Context(), s.store, node.Config{Shared: shared, Log: log}); err != nil {
		t.Fatal(err)
	}
	s.channels = channel.NewRegistry(s.store, s.node, channel.Config{Log: log})
	if err := s.node.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(t.Context())
	go func() { s.stopped <- s.node.Run(ctx) }()
	return s
}

func (s *server) close(t *testing.T) {
	t.Helper()
	s.stop()
	if err := errors.Join(<-s.stopped, s.channels.Close(), s.node.Close(), s.store.Close()); err != nil {
		t.Error(err)
	}
}

// kill leaves all that the server has open as it is.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.store.Close(); err != nil {
		t.Error(err)
	}
	s.stop()
	<-s.stopped
	_ = s.node.Close() // it can't, without the store
}

// create makes a channel with a stream key.
func (s *server) create(t *testing.T) (name string) {
	t.Helper()
	name = arn.New(arn.Channel, "111122223333", "eu-west-1").String()
	err := s.store.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Channels().Create(&store.Channel{Channel: ivs.Channel{ARN: name, Name: "show", Tags: map[string]string{}}}),
			tx.StreamKeys().Create(&ivs.StreamKey{ARN: arn.New(arn.StreamKey, "111122223333", "eu-west-1").String(), Value: key, ChannelARN: name}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (s *server) begin(t *testing.T) (*channel.Session, error) {
	return s.channels.Begin(t.Context(), key, channel.Source{Secure: true, Drop: func() {}})
}

// A channelEvent is an event of a channel.
type channelEvent struct {
	name string
	at   time.Time
}

func (s *server) events(t *testing.T) (all []channelEvent) {
	t.Helper()
	stored, err := s.store.Events(t.Context(), store.EventQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stored {
		var detail struct {
			Name string `json:"event_name"`
		}
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		all = append(all, channelEvent{detail.Name, e.Time})
	}
	return all
}

func names(events []channelEvent) (all []string) {
	for _, e := range events {
		all = append(all, e.name)
	}
	return all
}

// TestRegistry_FreesChannelsOfDeadNode: two nodes survive a third, and one of them
// takes its encoder, without a restart.
func TestRegistry_FreesChannelsOfDeadNode(t *testing.T) {
	cfg := store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	synctest.Test(t, func(t *testing.T) {
		dead, a, b := start(t, cfg, true), start(t, cfg, true), start(t, cfg, true)
		dead.create(t)
		if _, err := dead.begin(t); err != nil {
			t.Fatal(err)
		}
		time.Sleep(beat + beat/2) // it lives for a heartbeat
		if _, err := a.begin(t); !errors.Is(err, channel.ErrLive) {
			t.Fatalf("another encoder on another node: %v", err)
		}
		dead.kill(t)
		died := time.Now()
		session, err := a.begin(t)
		for ; errors.Is(err, channel.ErrLive); session, err = a.begin(t) {
			if time.Sleep(time.Second); time.Since(died) > 2*lease {
				t.Fatal("the channel of a dead node is not freed")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(died); took < lease-beat {
			t.Errorf("the channel was freed after %v", took)
		}
		time.Sleep(lease) // whatever the second survivor does
		events := a.events(t)
		if got, want := names(events), []string{"Session Created", "Session Ended", "Session Created"}; !slices.Equal(got, want) {
			t.Fatalf("events are %v, want %v", got, want)
		}
		if ended := events[1].at; ended.After(died) || ended.Before(died.Add(-beat)) {
			t.Errorf("the session ended at %v, the node died at %v", ended, died)
		}
		if err := session.Close(t.Context(), nil); err != nil {
			t.Error(err)
		}
		a.close(t)
		b.close(t)
	})
}

// TestRegistry_EndsStreamsOfCrashedProcess: a single process ends at its start what
// the one before left live, as of when that was last seen.
func TestRegistry_EndsStreamsOfCrashedProcess(t *testing.T) {
	cfg := store.Config{Dir: t.TempDir()}
	const beat = 5 * time.Second // of a process that no other watches
	synctest.Test(t, func(t *testing.T) {
		first := start(t, cfg, false)
		first.create(t)
		began := time.Now()
		if _, err := first.begin(t); err != nil {
			t.Fatal(err)
		}
		time.Sleep(beat + beat/2)
		first.kill(t)
		time.Sleep(time.Hour)
		next := start(t, cfg, false)
		events := next.events(t)
		if got, want := names(events), []string{"Session Created", "Session Ended"}; !slices.Equal(got, want) {
			t.Fatalf("events are %v, want %v", got, want)
		}
		if ended := events[1].at; !ended.Equal(began.Add(beat).Truncate(time.Millisecond)) {
			t.Errorf("the session ended at %v, want the last heartbeat, %v after %v", ended, beat, began)
		}
		session, err := next.begin(t)
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Close(t.Context(), nil); err != nil {
			t.Error(err)
		}
		next.close(t)
	})
}

// TestRegistry_EndsStreamsThatOlderVersionLeftLive: they have no start times, and a
// holder that is no longer listed as a node.
func TestRegistry_EndsStreamsThatOlderVersionLeftLive(t *testing.T) {
	for _, cfg := range []store.Config{{Dir: t.TempDir()}, {Dir: t.TempDir(), URL: postgres.Database(t)}} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, cfg, cfg.URL != "")
			name := s.create(t)
			err := s.store.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Channels().Update(name, func(c *store.Channel) error { c.StreamID = "st-before"; return nil })
				return errors.Join(err, tx.Hold(name, "gone"))
			})
			if err != nil {
				t.Fatal(err)
			}
			s.close(t)
			s = start(t, cfg, cfg.URL != "")
			time.Sleep(time.Second)
			if got, want := names(s.events(t)), []string{"Stream End", "Session Ended"}; !slices.Equal(got, want) {
				t.Errorf("events are %v, want %v", got, want)
			}
			s.close(t)
		})
	}
}

// TestSession_OfNodeDeclaredDeadChangesNothing: a node that was declared dead ends
// its session without touching that of the node that has the channel now.
func TestSession_OfNodeDeclaredDeadChangesNothing(t *testing.T) {
	cfg := store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	synctest.Test(t, func(t *testing.T) {
		paused, other := start(t, cfg, true), start(t, cfg, true)
		name := other.create(t)
		old, err := paused.begin(t)
		if err != nil {
			t.Fatal(err)
		}
		err = other.store.Write(t.Context(), func(tx *store.Tx) error { return tx.ForgetNode(paused.node.ID()) })
		if err != nil {
			t.Fatal(err)
		}
		var session *channel.Session
		for session, err = other.begin(t); errors.Is(err, channel.ErrLive); session, err = other.begin(t) {
			time.Sleep(time.Second)
		}
		if err != nil {
			t.Fatal(err)
		}
		before := other.get(t, name)
		if err := old.Close(t.Context(), errors.New("broken")); err != nil {
			t.Error(err)
		}
		if after := other.get(t, name); after.StreamID != before.StreamID {
			t.Errorf("the channel shows %q, want %q", after.StreamID, before.StreamID)
		}
		if got, want := names(other.events(t)), []string{"Session Created", "Session Ended", "Session Created"}; !slices.Equal(got, want) {
			t.Errorf("events are %v, want %v", got, want)
		}
		if err := session.Close(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if err := <-paused.stopped; !errors.Is(err, node.ErrDeclaredDead) {
			t.Errorf("the node that was declared dead runs on: %v", err)
		}
		paused.stopped <- nil
		paused.close(t)
		other.close(t)
	})
}

func (s *server) get(t *testing.T, name string) (c *store.Channel) {
	t.Helper()
	err := s.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.Channels().Get(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
