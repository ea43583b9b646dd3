package event

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// memory is a store that forgets when the process ends.
type memory struct {
	mu      sync.Mutex
	log     []Event
	changed chan struct{}
	targets map[string]*Target
	cursor  map[string]int64
	holder  map[string]string
	parked  map[string]map[int64]ParkedDelivery
	broken  error // answered by every change while set
}

func newMemory(targets ...Target) *memory {
	m := &memory{changed: make(chan struct{}), targets: map[string]*Target{}, cursor: map[string]int64{}, holder: map[string]string{}, parked: map[string]map[int64]ParkedDelivery{}}
	for _, t := range targets {
		t.Account, t.Revision = "111122223333", 1
		m.targets[t.Name], m.parked[t.Name] = &t, map[int64]ParkedDelivery{}
	}
	return m
}

func (m *memory) emit(stage string, numbers ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range numbers {
		m.log = append(m.log, Event{
			Cursor: int64(len(m.log) + 1), ID: fmt.Sprintf("%s%d", stage, n), DetailType: StageUpdate, Account: "111122223333",
			Time: time.Now(), Resource: stage, StageARN: stage, Detail: fmt.Appendf(nil, `{"n":%d}`, n),
		})
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Targets(context.Context) (all []Target, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.targets {
		all = append(all, *t)
	}
	return all, nil
}

func (m *memory) Claim(_ context.Context, target, holder string, _ time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.holder[target]; h != "" && h != holder {
		return 0, ErrNotHeld
	}
	m.holder[target] = holder
	return m.cursor[target], nil
}

func (m *memory) Release(_ context.Context, target, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder[target] == holder {
		m.holder[target] = ""
	}
	return nil
}

func (m *memory) Log(_ context.Context, after int64, limit int) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.log[min(int(after), len(m.log)):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) StageQueues(_ context.Context, target string) (all []StageQueue, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queues := map[string]StageQueue{}
	for _, d := range m.parked[target] {
		if !d.Dead {
			l := queues[d.Event.StageARN]
			l.StageARN = d.Event.StageARN
			l.Waiting++
			if d.Due.After(l.Due) {
				l.Due = d.Due
			}
			queues[l.StageARN] = l
		}
	}
	return slices.Collect(maps.Values(queues)), nil
}

func (m *memory) Parked(_ context.Context, target, stageARN string, limit int) (all []ParkedDelivery, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, place := range slices.Sorted(maps.Keys(m.parked[target])) {
		if d := m.parked[target][place]; !d.Dead && d.Event.StageARN == stageARN && len(all) < limit {
			all = append(all, d)
		}
	}
	return all, nil
}

func (m *memory) SaveProgress(_ context.Context, target, holder string, p Progress) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.holder[target] != holder {
		return ErrNotHeld
	}
	m.cursor[target] = max(m.cursor[target], p.Cursor)
	for _, d := range append(p.Parked, p.Failed...) {
		m.parked[target][d.Event.Cursor] = d
	}
	for _, place := range p.Delivered {
		delete(m.parked[target], place)
	}
	return nil
}

func (m *memory) dead(target string) (ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, place := range slices.Sorted(maps.Keys(m.parked[target])) {
		if d := m.parked[target][place]; d.Dead {
			ids = append(ids, d.Event.ID)
		}
	}
	return ids
}

func (m *memory) at(target string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor[target]
}

func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *memory) waiting(target string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.parked[target])
}
