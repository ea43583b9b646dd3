package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ear is a sender that answers as answer says, and remembers what it took.
type ear struct {
	options DeliveryOptions
	answer  func(ctx context.Context, e Event) error

	mu    sync.Mutex
	took  []string
	tried int
}

func (l *ear) Options() DeliveryOptions { return l.options }
func (l *ear) Close() error             { return nil }

func (l *ear) Send(ctx context.Context, events []Event) []error {
	errs := make([]error, len(events))
	for i, e := range events {
		l.mu.Lock()
		l.tried++
		l.mu.Unlock()
		if l.answer != nil {
			if errs[i] = l.answer(ctx, e); errs[i] != nil {
				if l.options.Ordered {
					for ; i < len(events); i++ {
						errs[i] = errors.New("one before it was not taken")
					}
					break
				}
				continue
			}
		}
		l.mu.Lock()
		l.took = append(l.took, e.ID)
		l.mu.Unlock()
	}
	return errs
}

func (l *ear) taken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.took)
}

// of picks the events of one stage.
func of(stage string, ids []string) (n []string) {
	for _, id := range ids {
		if id[:1] == stage {
			n = append(n, id[1:])
		}
	}
	return n
}

// carrying runs a dispatcher in a bubble of its own time until the test is done.
func carrying(t *testing.T, m *memory, ears map[string]*ear, test func(stop func())) {
	t.Helper()
	prepared(t, m, ears, func(start, stop func()) {
		start()
		test(stop)
	})
}

// prepared is carrying with a dispatcher that starts when it is told to.
func prepared(t *testing.T, m *memory, ears map[string]*ear, test func(start, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m.changed = make(chan struct{}) // of the bubble
		c := NewDispatcher(m, "node", DispatcherConfig{Log: slog.New(slog.DiscardHandler)})
		c.openSender = func(_ context.Context, t Target) (Sender, error) {
			return ears[t.Name], nil
		}
		var running sync.WaitGroup
		start := func() {
			running.Go(func() {
				if err := c.Run(ctx); err != nil {
					t.Errorf("dispatcher: %v", err)
				}
			})
		}
		stop := func() { cancel(); running.Wait() }
		defer stop()
		test(start, stop)
	})
}

func expect(t *testing.T, what string, seen, expected []string) {
	t.Helper()
	if !slices.Equal(seen, expected) {
		t.Errorf("%s: saw %v, expected %v", what, seen, expected)
	}
}

var one = DeliveryOptions{Batch: 1, Parallel: 4}

func TestDispatcher_DeliversInOrderPerStage(t *testing.T) {
	for name, options := range map[string]DeliveryOptions{"one by one": one, "by tens": {Batch: 10, Parallel: 2}, "in order": {Batch: 7, Parallel: 1, Ordered: true}} {
		m, l := newMemory(Target{Name: "a"}), &ear{options: options}
		carrying(t, m, map[string]*ear{"a": l}, func(stop func()) {
			for n := range 300 {
				m.emit("x", 2*n, 2*n+1)
				m.emit("y", n)
			}
			synctest.Wait()
			time.Sleep(time.Second)
			stop()
			if x, y := of("x", l.taken()), of("y", l.taken()); len(x) != 600 || len(y) != 300 || !inOrder(x) || !inOrder(y) {
				t.Errorf("%s: %d events of x and %d of y, in order %v %v; expected 600, 300, in order", name, len(x), len(y), inOrder(x), inOrder(y))
			}
			if m.at("a") != 900 {
				t.Errorf("%s: the cursor is %d, expected 900", name, m.at("a"))
			}
		})
	}
}

func inOrder(numbers []string) bool {
	last := -1
	for _, s := range numbers {
		var n int
		fmt.Sscan(s, &n)
		if n <= last {
			return false
		}
		last = n
	}
	return true
}

func TestDispatcher_ParksAStageBehindItsFailureAndNoOther(t *testing.T) {
	m := newMemory(Target{Name: "a"})
	var up atomic.Bool
	l := &ear{options: one}
	l.answer = func(_ context.Context, e Event) error {
		if !up.Load() && e.ID == "x1" {
			return errors.New("not now")
		}
		return nil
	}
	carrying(t, m, map[string]*ear{"a": l}, func(func()) {
		m.emit("x", 0, 1, 2)
		m.emit("y", 0, 1)
		time.Sleep(500 * time.Millisecond)
		m.emit("x", 3)
		m.emit("y", 2)
		time.Sleep(10 * time.Minute)
		expect(t, "the failed stage", of("x", l.taken()), []string{"0"})
		expect(t, "the other stage", of("y", l.taken()), []string{"0", "1", "2"})
		if m.at("a") != 7 || m.waiting("a") != 3 {
			t.Errorf("the cursor is %d and %d deliveries are parked, expected 7 and 3", m.at("a"), m.waiting("a"))
		}
		up.Store(true)
		time.Sleep(maxBackoff)
		m.emit("x", 4)
		time.Sleep(time.Second)
		expect(t, "the failed stage, later", of("x", l.taken()), []string{"0", "1", "2", "3", "4"})
		if m.waiting("a") != 0 {
			t.Errorf("%d deliveries are still parked", m.waiting("a"))
		}
	})
}

func TestDispatcher_StopsRetryingAfterADay(t *testing.T) {
	m, l := newMemory(Target{Name: "a"}), &ear{options: one}
	l.answer = func(_ context.Context, e Event) error {
		if e.ID == "x0" {
			return errors.New("never")
		}
		return nil
	}
	carrying(t, m, map[string]*ear{"a": l}, func(func()) {
		m.emit("x", 0, 1, 2)
		time.Sleep(deliveryTimeout - time.Minute)
		expect(t, "before a day", l.taken(), nil)
		time.Sleep(maxBackoff + 2*time.Minute)
		expect(t, "after a day", l.taken(), []string{"x1", "x2"})
		expect(t, "dead", m.dead("a"), []string{"x0"})
		if n := l.tried; n < 90 || n > 250 {
			t.Errorf("%d attempts in a day, expected some hundred", n)
		}
	})
}

func TestDispatcher_HonoursRetryAfter(t *testing.T) {
	m, l := newMemory(Target{Name: "a"}), &ear{options: one}
	var again atomic.Bool
	l.answer = func(_ context.Context, e Event) error {
		switch {
		case e.ID == "x0" && !again.Swap(true):
			return &RetryError{Err: errors.New("in ten minutes"), After: 10 * time.Minute}
		case e.ID == "y0":
			return &RetryError{Err: errors.New("too large"), Final: true}
		}
		return nil
	}
	carrying(t, m, map[string]*ear{"a": l}, func(func()) {
		m.emit("x", 0)
		time.Sleep(time.Second)
		m.emit("y", 0, 1)
		time.Sleep(10*time.Minute - 2*time.Second)
		expect(t, "before its time", l.taken(), []string{"y1"})
		expect(t, "dead", m.dead("a"), []string{"y0"})
		time.Sleep(3 * time.Second)
		expect(t, "after it", l.taken(), []string{"y1", "x0"})
	})
}

func TestDispatcher_OneSlowTargetDelaysNoOther(t *testing.T) {
	m := newMemory(Target{Name: "quick"}, Target{Name: "slow"})
	slow := &ear{options: one, answer: func(ctx context.Context, _ Event) error { <-ctx.Done(); return ctx.Err() }}
	quick := &ear{options: one}
	carrying(t, m, map[string]*ear{"quick": quick, "slow": slow}, func(stop func()) {
		for n := range 3000 {
			m.emit(string(rune('a'+n%20)), n)
		}
		time.Sleep(time.Second)
		if n := len(quick.taken()); n != 3000 {
			t.Errorf("the quick one took %d events, expected 3000", n)
		}
		stop()
		if m.at("slow") != 0 || m.waiting("slow") != 0 {
			t.Errorf("the slow one stands at %d with %d parked, expected where it was", m.at("slow"), m.waiting("slow"))
		}
	})
}

func TestDispatcher_RetriesAllStagesWhenATargetIsUpAgain(t *testing.T) {
	m := newMemory(Target{Name: "a"})
	var up atomic.Int64
	l := &ear{options: one}
	l.answer = func(context.Context, Event) error {
		if time.Now().UnixNano() < up.Load() {
			return errors.New("down")
		}
		return nil
	}
	carrying(t, m, map[string]*ear{"a": l}, func(func()) {
		up.Store(time.Now().Add(6 * time.Hour).UnixNano())
		for n := range 200 {
			m.emit(string(rune('!'+n%90)), n)
		}
		time.Sleep(6*time.Hour + maxBackoff/5)
		if n := len(l.taken()); n != 200 {
			t.Errorf("%d of 200 events are through three minutes after the target came back", n)
		}
	})
}

func TestDispatcher_SavesLaterWhatTheStoreRefused(t *testing.T) {
	m, l := newMemory(Target{Name: "a"}), &ear{options: one}
	var again atomic.Bool
	l.answer = func(_ context.Context, e Event) error {
		if e.ID == "x1" && !again.Swap(true) {
			return errors.New("once")
		}
		return nil
	}
	carrying(t, m, map[string]*ear{"a": l}, func(func()) {
		m.breakWith(errors.New("disk full"))
		m.emit("x", 0, 1, 2, 3)
		time.Sleep(30 * time.Second)
		expect(t, "while the store is broken", l.taken(), []string{"x0"})
		m.breakWith(nil)
		time.Sleep(5 * time.Second)
		expect(t, "after it", l.taken(), []string{"x0", "x1", "x2", "x3"})
		if m.at("a") != 4 || m.waiting("a") != 0 {
			t.Errorf("the cursor is %d with %d parked, expected 4 and none", m.at("a"), m.waiting("a"))
		}
	})
}

func TestDispatcher_DeliversWhatMatchesTheTarget(t *testing.T) {
	m := newMemory(
		Target{Name: "pattern", Pattern: []byte(`{"detail":{"n":[{"numeric":[">",1]}]}}`)},
		Target{Name: "plain"}, Target{Name: "own", RostrumEvents: true}, Target{Name: "off", Disabled: true})
	ears := map[string]*ear{}
	for name := range m.targets {
		ears[name] = &ear{options: one}
	}
	prepared(t, m, ears, func(start, _ func()) {
		m.emit("x", 1, 2, 3)
		m.log[2].DetailType = RostrumStageUpdate
		m.log = append(m.log, Event{Cursor: 4, ID: "z9", Account: "444455556666", Detail: []byte(`{}`)})
		start()
		time.Sleep(5 * time.Second)
		for name, expected := range map[string][]string{"pattern": {"x2"}, "plain": {"x1", "x2"}, "own": {"x1", "x2", "x3"}, "off": nil} {
			expect(t, name, ears[name].taken(), expected)
		}
		if m.at("pattern") < 3 {
			t.Errorf("the cursor of a target that wants little is %d, expected 3 at least", m.at("pattern"))
		}
		m.mu.Lock()
		m.targets["off"].Disabled = false
		m.targets["off"].Revision++
		m.mu.Unlock()
		time.Sleep(3 * time.Second)
		expect(t, "enabled", ears["off"].taken(), []string{"x1", "x2"})
	})
}
