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

// A Stage holds the participants that are composed.
type Stage struct {
	began    time.Time
	recorded bool // its participants are recordings

	mu           sync.Mutex     // guards what follows
	participants []*Participant // in order of arrival; replaced, never changed
	arrivals     map[string]uint64
	nextArrival  uint64
}

// maxArrivals bounds how many participants keep their place in the order after they left.
const maxArrivals = 10_000

// NewStage makes an empty stage.
func NewStage() *Stage {
	return &Stage{began: time.Now(), arrivals: map[string]uint64{}}
}

// NewRecordedStage makes an empty stage for recordings. A Frame is due when it arrives: its time
// is At its time in the recording. Program.Render composes it.
func NewRecordedStage() *Stage {
	s := NewStage()
	s.recorded = true
	return s
}

// At is the time of a frame by how long after the beginning of the stage it is due.
func (s *Stage) At(after time.Duration) time.Time { return s.began.Add(after) }

func (s *Stage) since(t time.Time) time.Duration { return t.Sub(s.began) }

// Join adds a participant. One that was here before keeps its place in the order of
// arrival. An id that is present is an error.
func (s *Stage) Join(c ParticipantConfig) (*Participant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.participants, func(p *Participant) bool { return p.id == c.ID }) {
		return nil, fmt.Errorf("join %s: already joined", c.ID)
	}
	arrival := s.arrival(c.ID)
	p := &Participant{
		id: c.ID, userID: c.UserID, arrival: arrival, joined: s.since(time.Now()), stage: s,
		attributes: maps.Clone(c.Attributes), placed: s.recorded, playout: playout{exact: s.recorded},
	}
	i, _ := slices.BinarySearchFunc(s.participants, arrival, func(p *Participant, a uint64) int { return cmp.Compare(p.arrival, a) })
	s.participants = slices.Insert(slices.Clone(s.participants), i, p)
	return p, nil
}

// Expect gives a participant that will join the next place in the order of arrival.
func (s *Stage) Expect(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrival(id)
}

// arrival is a participant's place in the order; s.mu is held.
func (s *Stage) arrival(id string) uint64 {
	if a, known := s.arrivals[id]; known {
		return a
	}
	s.nextArrival++
	if len(s.arrivals) < maxArrivals {
		s.arrivals[id] = s.nextArrival
	}
	return s.nextArrival
}

func (s *Stage) remove(p *Participant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.participants = slices.DeleteFunc(slices.Clone(s.participants), func(o *Participant) bool { return o == p })
}

// present returns the participants, in order of arrival.
func (s *Stage) present() []*Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.participants
}

// Stats returns those of the participants, in order of arrival.
func (s *Stage) Stats() []ParticipantStats {
	participants := s.present()
	all := make([]ParticipantStats, len(participants))
	for i, p := range participants {
		all[i] = p.Stats()
	}
	return all
}

// Close removes all participants. Programs may continue, with an empty picture.
func (s *Stage) Close() {
	participants := s.present()
	for _, p := range participants {
		p.Leave()
	}
}

// placed returns the participants that have a place in layouts, and describes them.
func (s *Stage) placed(now time.Duration) (participants []*Participant, described []layout.Participant) {
	for _, p := range s.present() {
		if d, placed := p.forLayout(now); placed {
			participants, described = append(participants, p), append(described, d)
		}
	}
	return participants, described
}
