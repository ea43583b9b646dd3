package realtime

import (
	"maps"
	"slices"

	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// A Participant is one of a stage, as the others see it. Its Attributes must not be changed.
type Participant struct {
	ID           string            // of the token, unique on the stage
	UserID       string            // what the application calls the user; may be empty
	Attributes   map[string]string // what the application says of the participant
	MayPublish   bool              // by its token
	MaySubscribe bool              // by its token
	Publishing   bool              // its media flow
	AudioMuted   bool              // it publishes audio, and has muted it
	VideoStopped bool              // it publishes video, and has stopped it
	Replica      bool              // it comes from another stage
	Local        bool              // it is the one that joined
}

func participantOf(p wire.Participant, self string) Participant {
	return Participant{
		ID: p.ID, UserID: p.UserID, Attributes: p.Attributes,
		MayPublish:   slices.Contains(p.Capabilities, ivsrealtime.CapabilityPublish),
		MaySubscribe: slices.Contains(p.Capabilities, ivsrealtime.CapabilitySubscribe),
		Publishing:   p.IsPublishing, AudioMuted: p.AudioMuted, VideoStopped: p.VideoStopped,
		Replica: p.Replica, Local: p.ID == self,
	}
}

// A roster has the participants of a stage, in order of arrival. It makes events of what
// changes, so that each change is one event however the server says it: by the whole state,
// by a message, or both.
type roster struct {
	self         string
	participants []Participant
	emit         func(Event)
}

// apply takes a message about participants.
func (r *roster) apply(p wire.Payload) {
	switch p := p.(type) {
	case wire.StageState:
		r.replace(p.Participants)
	case wire.ParticipantJoined:
		r.set(participantOf(p.Participant, r.self), PublishChanged{})
	case wire.ParticipantLeft:
		r.remove(p.ParticipantID)
	case wire.PublishState:
		now := participantOf(p.Participant, r.self)
		now.ID, now.Local, now.Publishing = p.ParticipantID, p.ParticipantID == r.self, p.IsPublishing
		r.set(now, PublishChanged{Code: string(p.ErrorCode), Replaced: p.Replaced})
	case wire.TokenExchanged:
		r.set(participantOf(p.Participant, r.self), PublishChanged{})
	case wire.MuteChanged:
		if now, ok := r.find(p.ParticipantID); ok {
			now.AudioMuted, now.VideoStopped = p.AudioMuted, p.VideoStopped
			r.set(now, PublishChanged{})
		}
	case wire.MetadataChanged:
		if now, ok := r.find(p.ParticipantID); ok {
			changed := participantOf(wire.Participant{Capabilities: p.Capabilities}, r.self)
			now.UserID, now.Attributes, now.MayPublish, now.MaySubscribe = p.UserID, p.Attributes, changed.MayPublish, changed.MaySubscribe
			r.set(now, PublishChanged{})
		}
	}
}

func (r *roster) index(id string) int {
	return slices.IndexFunc(r.participants, func(p Participant) bool { return p.ID == id })
}

func (r *roster) find(id string) (Participant, bool) {
	if i := r.index(id); i >= 0 {
		return r.participants[i], true
	}
	return Participant{}, false
}

// replace takes the whole state.
func (r *roster) replace(all []wire.Participant) {
	present := make(map[string]bool, len(all))
	for _, p := range all {
		present[p.ID] = true
	}
	for _, p := range slices.Clone(r.participants) {
		if !present[p.ID] {
			r.remove(p.ID)
		}
	}
	for _, p := range all {
		r.set(participantOf(p, r.self), PublishChanged{})
	}
}

// set adds or updates a participant. how completes the event about its publishing, if that
// changes.
func (r *roster) set(now Participant, how PublishChanged) {
	if now.ID == "" {
		return // of a server that is at fault
	}
	i := r.index(now.ID)
	before := Participant{}
	if i < 0 {
		r.participants = append(r.participants, now)
		r.emit(ParticipantJoined{now})
		before = now
		before.Publishing = false
	} else {
		before, r.participants[i] = r.participants[i], now
	}
	if before.UserID != now.UserID || !maps.Equal(before.Attributes, now.Attributes) || before.MayPublish != now.MayPublish || before.MaySubscribe != now.MaySubscribe {
		r.emit(MetadataChanged{now})
	}
	if before.AudioMuted != now.AudioMuted || before.VideoStopped != now.VideoStopped {
		r.emit(MuteChanged{now})
	}
	if before.Publishing != now.Publishing {
		how.Participant = now
		r.emit(how)
	}
}

func (r *roster) remove(id string) {
	i := r.index(id)
	if i < 0 {
		return
	}
	left := r.participants[i]
	r.participants = slices.Delete(r.participants, i, i+1)
	if left.Publishing {
		left.Publishing = false
		r.emit(PublishChanged{Participant: left})
	}
	r.emit(ParticipantLeft{left})
}
