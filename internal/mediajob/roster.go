//go:build cgo

package mediajob

import (
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/realtime"
)

// A roster is what the stage said about its participants.
type roster struct {
	mu           sync.Mutex // guards what follows
	participants map[string]*participant
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
	layers       []realtime.Layer
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

// apply updates the roster by an event.
func (r *roster) apply(e realtime.Event, stage *compositor.Stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case realtime.ParticipantJoined:
		r.describe(e.Participant, stage)
	case realtime.MetadataChanged:
		r.describe(e.Participant, stage)
	case realtime.MuteChanged:
		r.describe(e.Participant, stage)
	case realtime.PublishChanged:
		if p := r.describe(e.Participant, stage); p != nil {
			p.replaced = e.Replaced
		}
	case realtime.LayersChanged:
		r.present(e.ParticipantID).layers = e.Layers
	case realtime.ParticipantLeft:
		r.leave(e.Participant.ID)
	}
}

// describe takes the state of a participant; nil is the composition's own. Publishers are in
// order of arrival. r.mu is held.
func (r *roster) describe(d realtime.Participant, stage *compositor.Stage) *participant {
	if d.Local {
		return nil
	}
	p := r.present(d.ID)
	p.setMetadata(d.UserID, d.Attributes)
	p.setMuted(d.AudioMuted, d.VideoStopped)
	if p.publishing = d.Publishing; p.publishing {
		p.replaced = false
		stage.Expect(d.ID)
	}
	return p
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

// replace takes the whole state, after events were missed.
func (r *roster) replace(all []realtime.Participant, stage *compositor.Stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := map[string]bool{}
	for _, p := range all {
		present[p.ID] = true
		r.describe(p, stage)
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
func (r *roster) layers(id string) []realtime.Layer {
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
