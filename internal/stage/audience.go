package stage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/wire"
)

// A Message is one message of the events socket, shared by all who get it.
type Message struct {
	Data []byte // JSON; nobody changes it
	Last bool   // the socket is to be closed after it
}

// Attending says how a participant listens to its stage.
type Attending struct {
	Client Client
	// After is the number of the last message it has seen, 0 if none.
	After uint64
	// ChangesOnly spares it the whole state after each change.
	ChangesOnly bool
	// Deliver takes each message in order. It must not wait: a listener that
	// can't keep up is the door's to drop.
	Deliver func(Message)
}

// An Attendance is a participant's open events socket.
type Attendance struct {
	session *Session
	how     Attending
	fresh   bool // the session's own: it hasn't been told the state yet
}

// audience is what a session tells, and to whom.
type audience struct {
	listeners map[*Attendance]*participant
	pending   []notice // of this batch
	changed   bool     // the state that all see has changed in this batch
	reordered bool     // who may see what has changed: everybody needs the whole
	large     bool
	told      time.Time // when a large audience was last told the whole state
	timer     bool      // the whole state will be told soon

	sequence uint64 // of the last message
	history  []numbered
	kept     int // bytes in history
}

type numbered struct {
	sequence uint64
	data     []byte
}

// A notice is a message before it is written.
type notice struct {
	to      *Attendance // nil for all
	payload wire.Payload
	last    bool
}

// An audience of more than largeFrom is large until it is no more than
// smallFrom: viewers are then told of publishers alone, and the whole state no
// more often than each wholeEvery.
const (
	largeFrom  = 100
	smallFrom  = 80
	wholeEvery = time.Second
)

// History is kept for those who reconnect.
const (
	maxHistory      = 512
	maxHistoryBytes = 512 << 10
)

// goingAway asks clients to reconnect, here or to another node.
var goingAway = wire.GoingAway{CloseNotice: wire.CloseNotice{Reason: wire.ReasonGoingAway}}

// kicked closes the socket of a participant that must not reconnect.
func kicked(reason wire.CloseReason, detail string) wire.Kicked {
	return wire.Kicked{CloseNotice: wire.CloseNotice{Reason: reason, Detail: detail}}
}

// notifyAll sends to all listeners once the batch is stored.
func (s *Session) notifyAll(payload wire.Payload) {
	s.audience.pending = append(s.audience.pending, notice{payload: payload})
}

// notify sends to one participant once the batch is stored.
func (s *Session) notify(p *participant, payload wire.Payload) {
	if p.attendance != nil {
		s.audience.pending = append(s.audience.pending, notice{to: p.attendance, payload: payload})
	}
}

// closeSocket sends a close notice once the batch is stored.
func (s *Session) closeSocket(a *Attendance, why wire.Closing) {
	s.audience.pending = append(s.audience.pending, notice{to: a, payload: why, last: true})
}

// stateChanged has the whole state told, or its change to a large audience.
func (s *Session) stateChanged(p *participant) {
	p.encoded = nil
	s.audience.changed = true
}

// spread tells the batch's notices, then whoever needs it the whole state.
func (s *Session) spread() {
	a := &s.audience
	for _, n := range a.pending {
		if n.to != nil {
			n.to.how.Deliver(Message{Data: wire.Encode(0, n.payload), Last: n.last})
			continue
		}
		a.sequence++
		data := wire.Encode(a.sequence, n.payload)
		a.remember(a.sequence, data)
		for l := range a.listeners {
			if !l.fresh {
				l.how.Deliver(Message{Data: data})
			}
		}
	}
	a.pending = nil
	s.spreadState()
}

// spreadState tells the whole state to newcomers, and to all when it changed.
func (s *Session) spreadState() {
	a := &s.audience
	whole := a.changed
	if whole && a.large && !a.reordered {
		if wait := wholeEvery - time.Since(a.told); wait > 0 {
			whole = false
			s.spreadStateIn(wait)
		}
	}
	var state *wire.StateEncoder
	var shared []byte
	for l, p := range a.listeners {
		switch {
		case l.fresh && a.resume(l):
		case l.fresh, a.reordered, whole && !l.how.ChangesOnly:
			if shared == nil {
				state = s.state()
				shared = state.Message(nil)
			}
			data := shared
			if a.large && p.visible() && !p.publishing {
				data = state.Message(p.encode())
			}
			l.how.Deliver(Message{Data: data})
			if l.fresh {
				s.tellLayers(l)
			}
		}
		if l.fresh && p.unwatched != nil {
			l.how.Deliver(Message{Data: wire.Encode(0, wire.LayersUnused{Labels: p.unwatched})})
		}
		l.fresh = false
	}
	if whole {
		a.told, a.changed = time.Now(), false
	}
	a.reordered = false
}

// tellLayers tells a newcomer in what layers the publishers send: others heard of it
// when it changed.
func (s *Session) tellLayers(l *Attendance) {
	for _, p := range s.participants {
		if p.publishing && len(p.layers) > 1 {
			l.how.Deliver(Message{Data: wire.Encode(0, describeLayers(p.id, p.layers))})
		}
	}
}

func (s *Session) spreadStateIn(wait time.Duration) {
	if s.audience.timer {
		return
	}
	s.audience.timer = true
	s.after(wait, func() { s.audience.timer = false }) // the batch's end does the rest
}

// resume gives a newcomer what it missed since its last socket; false if that
// is no longer known.
func (a *audience) resume(l *Attendance) bool {
	if l.how.After == 0 || l.how.After > a.sequence {
		return false
	}
	if l.how.After < a.sequence && (len(a.history) == 0 || a.history[0].sequence > l.how.After+1) {
		return false
	}
	for _, n := range a.history {
		if n.sequence > l.how.After {
			l.how.Deliver(Message{Data: n.data})
		}
	}
	return true
}

func (a *audience) remember(sequence uint64, data []byte) {
	a.history = append(a.history, numbered{sequence, data})
	a.kept += len(data)
	for len(a.history) > maxHistory || a.kept > maxHistoryBytes {
		a.kept -= len(a.history[0].data)
		a.history = a.history[1:]
	}
}

// resize decides, when listeners come and go, whether the audience is large.
func (a *audience) resize() {
	switch n := len(a.listeners); {
	case !a.large && n > largeFrom:
		a.large = true
	case a.large && n <= smallFrom:
		a.large, a.changed, a.reordered = false, true, true
	}
}

// state encodes everybody in a small audience, the publishers in a large one.
func (s *Session) state() *wire.StateEncoder {
	var members []*participant
	for _, p := range s.participants {
		if p.visible() && (!s.audience.large || p.publishing) {
			members = append(members, p)
		}
	}
	slices.SortFunc(members, func(a, b *participant) int { return cmp.Compare(a.order, b.order) })
	state := wire.NewStateEncoder(s.audience.sequence, s.stageID)
	for _, p := range members {
		state.Add(p.encode())
	}
	return state
}

// describeLayers is the message about a publisher's layers.
func describeLayers(participantID string, layers []sfu.LayerInfo) wire.Layers {
	m := wire.Layers{ParticipantID: participantID, Layers: make([]wire.Layer, len(layers))}
	for i, l := range layers {
		m.Layers[i] = wire.Layer{Label: l.Label, Width: l.Width, Height: l.Height, Bitrate: l.Bitrate, Framerate: l.FPS, Active: l.Active}
	}
	return m
}

// Leave ends the attendance at the client's wish.
func (a *Attendance) Leave() { a.end(0) }

// Lose ends the attendance after its socket broke, or was silent for a while:
// the participant has what is left of its grace to come back.
func (a *Attendance) Lose(silent time.Duration) {
	a.end(max(0, a.session.registry.cfg.Grace-silent))
}

func (a *Attendance) end(grace time.Duration) {
	a.session.soon(func() { a.session.attendanceEnded(a, grace) })
}

// Introduce takes what the client says about itself.
func (a *Attendance) Introduce(c Client) {
	a.session.soon(func() { a.session.introduced(a, c) })
}

// Mute takes which of its media the client has muted; nil leaves one as it is.
func (a *Attendance) Mute(audio, video *bool) {
	a.session.soon(func() { a.session.muted(a, audio, video) })
}

// Exchange replaces the participant's token by a new one. One that may not
// replace it ends the participant's presence, and the reason is told to it.
func (a *Attendance) Exchange(ctx context.Context, raw string) {
	r := a.session.registry
	g, err := r.authority.Authorize(ctx, raw)
	a.session.soon(func() { a.session.exchange(a, g, err) })
}
