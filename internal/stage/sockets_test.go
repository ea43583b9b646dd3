package stage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

func newRegistry(t testing.TB, cfg stage.Config) (*stage.Registry, *store.Store) {
	t.Helper()
	s := newStore(t)
	e, err := sfu.Listen(sfu.Config{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	n, err := node.Open(t.Context(), s, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := stage.NewRegistry(s, e, newAuthority(t, s), n, cfg)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(n.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	})
	return r, s
}

func grantFor(name arn.ARN, id string) authority.Grant {
	c := claimsFor(name)
	c.ParticipantID = id
	return authority.Grant{Claims: c, Account: name.Account, Region: name.Region}
}

// A recorder collects the messages of one socket.
type recorder struct {
	mu   sync.Mutex
	all  []string
	more chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 1)} }

func (r *recorder) deliver(m stage.Message) {
	r.mu.Lock()
	r.all = append(r.all, string(m.Data))
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// until waits for a message with this in it.
func (r *recorder) until(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		all := strings.Join(r.all, "\n")
		r.mu.Unlock()
		if strings.Contains(all, text) {
			return
		}
		select {
		case <-r.more:
		case <-deadline:
			t.Fatalf("got\n%s\nand no message with %s", all, text)
		}
	}
}

func (r *recorder) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.all...)
}

// TestSockets_ManyViewersAreNotAnnouncedToEachOther has 400 viewers join: those that
// are there get no messages about them once many sockets are open.
func TestSockets_ManyViewersAreNotAnnouncedToEachOther(t *testing.T) {
	r, s := newRegistry(t, stage.Config{})
	name := newStage(t, s)
	first := newRecorder()
	if _, err := r.OpenSocket(grantFor(name, "first"), stage.SocketConfig{Deliver: first.deliver}); err != nil {
		t.Fatal(err)
	}
	var delivered atomic.Int64
	var all sync.WaitGroup
	attendances := make([]*stage.Socket, 400)
	for i := range attendances {
		all.Go(func() {
			var err error
			attendances[i], err = r.OpenSocket(grantFor(name, fmt.Sprint("viewer", i)), stage.SocketConfig{Deliver: func(stage.Message) { delivered.Add(1) }})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	joined := 0
	for _, m := range first.messages() {
		if strings.Contains(m, "PARTICIPANT_JOINED") {
			joined++
		}
	}
	if joined > 400/2 {
		t.Errorf("the first viewer got messages about %d others", joined)
	}
	last := newRecorder()
	if _, err := r.OpenSocket(grantFor(name, "last"), stage.SocketConfig{Deliver: last.deliver}); err != nil {
		t.Fatal(err)
	}
	last.until(t, "STAGE_STATE")
	var state struct {
		Payload struct{ Participants []wire.Participant }
	}
	if err := json.Unmarshal([]byte(last.messages()[0]), &state); err != nil {
		t.Fatal(err)
	}
	if p := state.Payload.Participants; len(p) != 1 || p[0].ID != "last" {
		t.Errorf("the state of the last viewer has %d participants: %+v", len(p), p)
	}
	for _, a := range attendances {
		a.Close()
	}
	first.until(t, `"participants":[{"id":"first"`) // few again: all are in the state
	first.until(t, `{"id":"last"`)
}

func TestSockets_ResumeSendsExactlyWhatWasMissed(t *testing.T) {
	r, s := newRegistry(t, stage.Config{})
	name := newStage(t, s)
	attend := func(id string, how stage.SocketConfig) *recorder {
		e := newRecorder()
		how.Deliver = e.deliver
		if _, err := r.OpenSocket(grantFor(name, id), how); err != nil {
			t.Fatal(err)
		}
		return e
	}
	sequence := func(m string) uint64 {
		var numbered struct{ Sequence uint64 }
		if err := json.Unmarshal([]byte(m), &numbered); err != nil {
			t.Fatal(err)
		}
		return numbered.Sequence
	}
	watch := attend("watch", stage.SocketConfig{ChangesOnly: true})
	watch.until(t, "STAGE_STATE")
	seen := sequence(watch.messages()[0])
	for i := range 3 {
		attend(fmt.Sprint("p", i), stage.SocketConfig{})
	}
	watch.until(t, `"id":"p2"`)
	for name, c := range map[string]struct {
		after uint64
		want  string
	}{
		"all three":        {seen, "PARTICIPANT_JOINED PARTICIPANT_JOINED PARTICIPANT_JOINED"},
		"the last":         {seen + 2, "PARTICIPANT_JOINED"},
		"an older session": {seen - 1_000_000, "STAGE_STATE"},
		"the future":       {seen + 1_000_000, "STAGE_STATE"},
		"the first time":   {0, "STAGE_STATE"},
	} {
		e := attend("watch", stage.SocketConfig{ChangesOnly: true, After: c.after})
		attend("watch", stage.SocketConfig{ChangesOnly: true}) // that replaces the socket is the last message
		e.until(t, "KICKED")
		var kinds []string
		for _, m := range e.messages() {
			kind, _, _ := strings.Cut(strings.TrimPrefix(m, `{"type":"`), `"`)
			kinds = append(kinds, kind)
		}
		if got := strings.TrimSuffix(strings.Join(kinds, " "), " KICKED"); got != c.want {
			t.Errorf("after %s it got %s, want %s", name, got, c.want)
		}
	}
}

// BenchmarkOpenSocket_Churn has viewers join and leave, as many at once as there are waiters.
func BenchmarkOpenSocket_Churn(b *testing.B) {
	r, s := newRegistry(b, stage.Config{})
	name := newStage(b, s)
	var n atomic.Int64
	b.SetParallelism(500)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a, err := r.OpenSocket(grantFor(name, fmt.Sprint("v", n.Add(1))), stage.SocketConfig{Deliver: func(stage.Message) {}})
			if err != nil {
				b.Error(err)
				return
			}
			a.Close()
		}
	})
}

func TestPauseReasons_AreTheSameOnTheWire(t *testing.T) {
	for engine, onWire := range map[sfu.PauseReason]wire.PauseReason{
		sfu.PausedByChoice: wire.PausedByChoice, sfu.PausedByBandwidth: wire.PausedByBandwidth,
		sfu.PausedNoLayer: wire.PausedNoLayer, sfu.PausedNoCodec: wire.PausedNoCodec,
	} {
		if string(engine) != string(onWire) {
			t.Errorf("the media engine says %q, the wire %q", engine, onWire)
		}
	}
}
