//go:build cgo

package mediajob

import (
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/wire"
)

// A roster is what the events socket said about the stage's participants.
type roster struct {
	mu           sync.Mutex // guards what follows
	participants map[string]*participant
	ready        bool // the whole state came
}

// takeoverTime is how long a participant whose publication was replaced keeps its place
// until the newer one begins.
const takeoverTime = 5 * time.Second

// A participant is one of the stage, or one that left and is still composed.
type participant struct {
	publishing   bool
	replaced     bool // its publication ended, and a newer one is to begin
	left         bool
	userID       string
	attributes   map[string]string
	audioMuted   bool
	videoStopped bool
	layers       []wire.Layer
	composed     *compositor.Participant // while it is received or keeps its place; nil otherwise
	reception    *reception              // while it receives
	hold         *time.Timer             // until its place is free, without a reception; else nil
}

// publishers counts the participants that publish.
func (r *roster) publishers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, p := range r.participants {
		if p.publishing {
			n++
		}
	}
	return n
}

// apply updates the roster by a message. It reports whether that was the first whole
// state.
func (r *roster) apply(m wire.Message, self string, stage *compositor.Stage) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := m.Payload.(type) {
	case wire.StageState:
		r.replace(m, self, stage)
		first, r.ready = !r.ready, true
	case wire.MetadataChanged:
		r.present(m.ParticipantID).setMetadata(m.UserID, m.Attributes)
	case wire.PublishState:
		p := r.present(m.ParticipantID)
		p.describe(m.Participant)
		p.publishing, p.replaced = m.IsPublishing, m.Replaced
	case wire.MuteChanged:
		r.present(m.ParticipantID).setMuted(m.AudioMuted, m.VideoStopped)
	case wire.Layers:
		r.present(m.ParticipantID).layers = m.Layers
	case wire.ParticipantLeft:
		r.leave(m.ParticipantID)
	}
	return first
}

// present is the participant with an id, which is on the stage; r.mu is held.
func (r *roster) present(id string) *participant {
	if r.participants[id] == nil {
		r.participants[id] = &participant{}
	}
	r.participants[id].left = false
	return r.participants[id]
}

// leave removes a participant, or marks it until it is composed no more; r.mu is held.
func (r *roster) leave(id string) {
	p := r.participants[id]
	if p == nil {
		return
	}
	p.publishing, p.left = false, true
	switch {
	case p.composed == nil:
		delete(r.participants, id)
	case p.hold != nil:
		p.hold.Stop()
		r.free(id, p)
	}
}

// replace takes the whole state. It lists the publishers in order of arrival. r.mu is
// held.
func (r *roster) replace(state wire.StageState, self string, stage *compositor.Stage) {
	present := map[string]bool{}
	for _, s := range state.Participants {
		if s.ID == self {
			continue
		}
		present[s.ID] = true
		p := r.present(s.ID)
		p.describe(s)
		if p.publishing = s.IsPublishing; p.publishing {
			stage.Expect(s.ID)
		}
	}
	for id := range r.participants {
		if !present[id] {
			r.leave(id)
		}
	}
}

// join adds the participant of a reception to a compositor's stage, or continues the place
// that it kept; nil if it left meanwhile.
func (r *roster) join(by *reception, stage *compositor.Stage) (*compositor.Participant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.participants[by.id]
	if p == nil {
		return nil, nil
	}
	switch {
	case p.reception != nil:
		p.reception.superseded.Store(true)
	case p.hold != nil:
		p.hold.Stop()
		p.hold = nil
	default:
		composed, err := stage.Join(compositor.ParticipantConfig{ID: by.id, UserID: p.userID, Attributes: p.attributes})
		if err != nil {
			return nil, err
		}
		p.composed = composed
	}
	p.reception = by
	p.setMuted(p.audioMuted, p.videoStopped)
	return p.composed, nil
}

// remove undoes join. After a takeover the place is kept for a while; by may also have been
// superseded by the newer reception already.
func (r *roster) remove(by *reception) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.participants[by.id]
	if p == nil || p.reception != by {
		return
	}
	p.reception = nil
	if !p.replaced || p.left {
		r.free(by.id, p)
		return
	}
	p.hold = time.AfterFunc(takeoverTime, func() { r.endHold(by.id, p) })
}

// endHold frees a place that was kept for long enough.
func (r *roster) endHold(id string, p *participant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.hold != nil {
		r.free(id, p)
	}
}

// free removes a participant from the compositor's stage; r.mu is held.
func (r *roster) free(id string, p *participant) {
	p.composed.Leave()
	p.composed, p.hold = nil, nil
	if p.left {
		delete(r.participants, id)
	}
}

// layers are those that a participant sends.
func (r *roster) layers(id string) []wire.Layer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.participants[id]; p != nil {
		return p.layers
	}
	return nil
}

func (p *participant) setMetadata(userID string, attributes map[string]string) {
	p.userID, p.attributes = userID, attributes
	if p.composed != nil {
		p.composed.SetMetadata(userID, attributes)
	}
}

func (p *participant) setMuted(audio, video bool) {
	p.audioMuted, p.videoStopped = audio, video
	if p.composed != nil {
		p.composed.SetAudioMuted(audio)
		p.composed.SetVideoStopped(video)
	}
}

// describe takes what the server says of the participant.
func (p *participant) describe(d wire.Participant) {
	p.setMetadata(d.UserID, d.Attributes)
	p.setMuted(d.AudioMuted, d.VideoStopped)
}
