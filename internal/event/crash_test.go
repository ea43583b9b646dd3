package event_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/store"
)

// crashChild names the environment variable that makes this test binary the
// child of the kill loop: its value is the data directory. crashRounds names the
// one that sets how often it is killed.
const (
	crashChild  = "ROSTRUM_EVENT_CRASH_CHILD"
	crashRounds = "ROSTRUM_EVENT_CRASH_ROUNDS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashChild); dir != "" {
		emitUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// emitUntilKilled serves events as the server does: stages emit one after the
// other, a dispatcher delivers. It prints what is durable, and ends with its parent.
func emitUntilKilled(dir string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Dir: dir})
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
	life := strconv.FormatInt(time.Now().UnixNano(), 36)
	for n := range 8 {
		go func() {
			stage := fmt.Sprintf("arn:aws:ivs:us-east-1:111122223333:stage/stage%d%s", n, life)
			for i := 0; ; i++ {
				e := event.SessionStarted(stage, fmt.Sprintf("st-%d", i), time.Now())
				if err := s.Write(ctx, func(tx *store.Tx) error { tx.Emit(e); return nil }); err != nil {
					fmt.Println("fault", err)
					os.Exit(1)
				}
				fmt.Println("kept", e.ID)
				time.Sleep(rand.N(4 * time.Millisecond))
			}
		}()
	}
	c := event.NewDispatcher(store.DeliveryStore{Store: s}, life, event.DispatcherConfig{Log: slog.New(slog.DiscardHandler)})
	_ = c.Run(ctx)
}

// consumer is a receiver that de-duplicates by id, fails now and then, and
// holds each stage to its order.
type consumer struct {
	t *testing.T

	mu      sync.Mutex
	seen    map[string]bool
	last    map[string]int // by stage: the number of its newest event
	repeats int
	calm    bool // no more failures
}

func (c *consumer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e struct {
		ID        string
		Resources []string
		Detail    struct {
			SessionID string `json:"session_id"`
		}
	}
	err := json.NewDecoder(r.Body).Decode(&e)
	n, err2 := strconv.Atoi(strings.TrimPrefix(e.Detail.SessionID, "st-"))
	if err != nil || err2 != nil || len(e.Resources) != 1 {
		c.t.Errorf("received %+v: %v, %v", e, err, err2)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	chance := rand.N(200)
	if !c.calm && chance == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if c.seen[e.ID] {
		c.repeats++
		return
	}
	stage := e.Resources[0]
	if next, ok := c.last[stage]; n != next+1 && ok || !ok && n != 0 {
		c.t.Errorf("stage %s: event %d came after event %d", stage, n, c.last[stage])
	}
	c.seen[e.ID], c.last[stage] = true, n
	if !c.calm && chance == 1 {
		w.WriteHeader(http.StatusInternalServerError) // taken, but the sender can't know
	}
}

func TestDispatcher_LosesAndReordersNothingWhenKilled(t *testing.T) {
	rounds := 10
	if n, err := strconv.Atoi(os.Getenv(crashRounds)); err == nil {
		rounds = n
	}
	c := &consumer{t: t, seen: map[string]bool{}, last: map[string]int{}}
	receiver := httptest.NewServer(c)
	defer receiver.Close()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	target := event.Target{Name: "consumer", Account: "111122223333", RostrumEvents: true,
		Webhook: &event.Webhook{URL: receiver.URL, AllowPrivate: true}, Secrets: []event.Secret{{ID: "k1", Key: "0123456789abcdef"}}}
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutTarget(target) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for range rounds {
		emitAndKill(t, dir, kept)
		if t.Failed() {
			return
		}
	}
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	deliverTheRest(t, dir)
	c.mu.Lock()
	defer c.mu.Unlock()
	lost := 0
	for id := range kept {
		if !c.seen[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged events never came", lost, len(kept))
	}
	t.Logf("killed %d times: %d events acknowledged, %d received with %d repetitions, %d lost", rounds, len(kept), len(c.seen), c.repeats, lost)
}

// emitAndKill runs the child for a random while and notes what it acknowledged.
func emitAndKill(t *testing.T, dir string, kept map[string]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashChild+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // open as long as this process lives
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 2 || words[0] != "kept" {
			t.Errorf("the child says %q", lines.Text())
			break
		}
		kept[words[1]] = true
		if kill == nil {
			kill = time.AfterFunc(rand.N(300*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed: its error says so
	if kill == nil {
		t.Fatal("the child ended without an acknowledged event")
	}
}

// deliverTheRest delivers until nothing is left to deliver.
func deliverTheRest(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := store.Open(ctx, store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var running sync.WaitGroup
	running.Go(func() {
		_ = event.NewDispatcher(store.DeliveryStore{Store: s}, arn.NewSessionID(), event.DispatcherConfig{Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	})
	defer running.Wait()
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		var state store.TargetState
		err := s.Read(ctx, func(tx *store.Tx) (err error) {
			state, err = tx.TargetState("consumer")
			return err
		})
		if err != nil {
			t.Fatalf("wait for the rest: %v, the target stands at %+v", err, state)
		}
		if state == (store.TargetState{}) {
			return
		}
	}
}
