package stage

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// live is a registry with nobody on any stage, which closes at the end of the test.
func live(t *testing.T, cfg Config) (*Registry, *store.Store) {
	t.Helper()
	return liveOn(t, store.Config{Ephemeral: true}, cfg)
}

// liveOn is live on a database.
func liveOn(t *testing.T, database store.Config, cfg Config) (*Registry, *store.Store) {
	t.Helper()
	s, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sfu.Listen(sfu.Config{Shards: 1, ConnectTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	a, err := authority.New(t.Context(), s, authority.Config{PublicURL: "http://127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	n, err := node.Open(t.Context(), s, node.Config{Shared: database.URL != ""})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(s, e, a, n, cfg)
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), n.Close(), e.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return r, s
}

// TestSession_PanicEndsNoOtherSession lets one session fail while others run.
func TestSession_PanicEndsNoOtherSession(t *testing.T) {
	r, s := live(t, Config{})
	messages := make(chan string, 100)
	attend := func(name arn.ARN, id string) {
		g := authority.Grant{Claims: token.Claims{StageARN: name.String(), StageID: name.ID, ParticipantID: id, IssuedAt: time.Now()}, Account: name.Account, Region: name.Region}
		if _, err := r.OpenSocket(g, SocketConfig{Deliver: func(m Message) { messages <- id + " " + string(m.Data) }}); err != nil {
			t.Fatal(err)
		}
	}
	names := []arn.ARN{arn.New(arn.Stage, "111122223333", "eu-west-1"), arn.New(arn.Stage, "111122223333", "eu-west-1")}
	for _, name := range names {
		if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) }); err != nil {
			t.Fatal(err)
		}
		attend(name, "alice")
	}
	failing := r.findSession(names[0].String())
	failing.post(func() { panic("on purpose") })
	if err := failing.callAndCommit(func() error { panic("as well") }); err == nil {
		t.Error("a call that failed was reported as done")
	}
	<-failing.done
	until(t, messages, "GOING_AWAY")
	if r.findSession(names[1].String()) == nil {
		t.Error("the other session ended too")
	}
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		stored, err := tx.Session(names[0].String(), failing.id)
		if err == nil && stored.End.IsZero() {
			t.Error("the failed session is still open")
		}
		left, _, err2 := tx.ParticipantEvents(store.ParticipantRef{StageARN: names[0].String(), SessionID: failing.id, ParticipantID: "alice"}, store.Page{Limit: 10})
		if len(left) != 2 || left[1].Name != ivsrealtime.EventLeft {
			t.Errorf("alice's history is %+v", left)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	attend(names[0], "bob") // the stage's next session
	until(t, messages, "bob")
	// The counts follow the messages.
	c := r.Counts()
	for end := time.Now().Add(5 * time.Second); len(c) != 2 && time.Now().Before(end); c = r.Counts() {
		time.Sleep(time.Millisecond)
	}
	if len(c) != 2 || c[0].Participants != 1 || c[1].Sockets != 1 {
		t.Errorf("the counts are %+v", c)
	}
}

func until(t *testing.T, messages <-chan string, text string) {
	t.Helper()
	for {
		select {
		case m := <-messages:
			if strings.Contains(m, text) {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no message with %s", text)
		}
	}
}

func TestSession_RefusedChangeDoesNotUndoOthers(t *testing.T) {
	st, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := &Session{registry: &Registry{store: st, cfg: Config{Log: slog.New(slog.DiscardHandler)}}}
	beat := func(id string) func(tx *store.Tx) error {
		return func(tx *store.Tx) error { return tx.AddNode(id, time.Now(), store.NodeAddress{}) }
	}
	refused := func(tx *store.Tx) error {
		return errors.Join(tx.AddNode("lost", time.Now(), store.NodeAddress{}), ivsrealtime.Errorf(ivsrealtime.Conflict, "on purpose"))
	}
	if err := s.write([]func(tx *store.Tx) error{beat("a"), refused, beat("b")}); err != nil {
		t.Error(err)
	}
	var nodes []store.Node
	err = st.Read(t.Context(), func(tx *store.Tx) (err error) {
		nodes, err = tx.Nodes()
		return err
	})
	if err != nil || len(nodes) != 2 {
		t.Errorf("stored are %+v, %v, want a and b", nodes, err)
	}
}
