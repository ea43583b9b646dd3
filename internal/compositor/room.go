//go:build cgo

package compositor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rostrum/internal/layout"
)

// A Room holds the Members that are composed.
type Room struct {
	began time.Time

	mu         sync.Mutex // guards what follows
	members    []*Member  // in order of arrival
	generation uint64     // counts what may change a layout
	arrivals   map[string]uint64
	next       uint64
}

// rememberedArrivals is how many who came are remembered: those who come back get
// their place again.
const rememberedArrivals = 10_000

// NewRoom makes an empty one.
func NewRoom() *Room {
	return &Room{began: time.Now(), arrivals: map[string]uint64{}}
}

func (r *Room) since(t time.Time) time.Duration { return t.Sub(r.began) }

// Join adds a member. One who was here before has its old place in the order. It
// refuses an id that is here.
func (r *Room) Join(c MemberConfig) (*Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.members, func(m *Member) bool { return m.id == c.ID }) {
		return nil, fmt.Errorf("join %s: is here already", c.ID)
	}
	arrival := r.arrival(c.ID)
	m := &Member{id: c.ID, arrival: arrival, room: r, keyframe: c.KeyframeNeeded, attributes: maps.Clone(c.Attributes)}
	m.video.last = r.since(time.Now()) // not stalled yet
	at, _ := slices.BinarySearchFunc(r.members, arrival, func(m *Member, a uint64) int { return cmp.Compare(m.arrival, a) })
	r.members = slices.Insert(slices.Clone(r.members), at, m)
	r.generation++
	return m, nil
}

// Expect gives someone who will join the next place in the order of arrival.
func (r *Room) Expect(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrival(id)
}

// arrival is someone's place in the order; r.mu is held.
func (r *Room) arrival(id string) uint64 {
	if a, before := r.arrivals[id]; before {
		return a
	}
	r.next++
	if len(r.arrivals) < rememberedArrivals {
		r.arrivals[id] = r.next
	}
	return r.next
}

func (r *Room) remove(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = slices.DeleteFunc(slices.Clone(r.members), func(o *Member) bool { return o == m })
	r.generation++
}

func (r *Room) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation++
}

// present returns the members, whom nobody changes, and the generation.
func (r *Room) present() ([]*Member, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members, r.generation
}

// Stats tells how the members fare, in order of arrival.
func (r *Room) Stats() []MemberStats {
	members, _ := r.present()
	all := make([]MemberStats, len(members))
	for i, m := range members {
		all[i] = m.Stats()
	}
	return all
}

// Close lets all members leave. Programs may go on: with an empty picture.
func (r *Room) Close() {
	members, _ := r.present()
	for _, m := range members {
		m.Leave()
	}
}

func participants(members []*Member, now time.Duration) []layout.Participant {
	all := make([]layout.Participant, len(members))
	for i, m := range members {
		all[i] = m.participant(now)
	}
	return all
}
