package stage

import (
	"cmp"
	"slices"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/wire"
)

// goingAway asks clients to reconnect, here or to another node.
var goingAway = wire.GoingAway{CloseNotice: wire.CloseNotice{Reason: wire.ReasonGoingAway}}

// kicked closes the socket of a participant that must not reconnect.
func kicked(reason wire.CloseReason, detail string) wire.Kicked {
	return wire.Kicked{CloseNotice: wire.CloseNotice{Reason: reason, Detail: detail}}
}

// notifyAll sends to all listeners once the batch is stored.
func (s *Session) notifyAll(payload wire.Payload) {
	s.sockets.notices = append(s.sockets.notices, notice{payload: payload})
}

// notify sends to one participant once the batch is stored.
func (s *Session) notify(p *participant, payload wire.Payload) {
	if p.socket != nil {
		s.sockets.notices = append(s.sockets.notices, notice{to: p.socket, payload: payload})
	}
}

// closeSocket sends a close notice once the batch is stored.
func (s *Session) closeSocket(a *Socket, why wire.Closing) {
	s.sockets.notices = append(s.sockets.notices, notice{to: a, payload: why, last: true})
}

// markStateChanged has the whole state told, or its change to a large audience.
func (s *Session) markStateChanged(p *participant) {
	p.encoded = nil
	s.sockets.stateChanged = true
}

// sendNotices tells the batch's notices, then whoever needs it the whole state.
func (s *Session) sendNotices() {
	a := &s.sockets
	for _, n := range a.notices {
		if n.to != nil {
			n.to.cfg.Deliver(Message{Data: wire.Encode(0, n.payload), Last: n.last})
			continue
		}
		a.sequence++
		data := wire.Encode(a.sequence, n.payload)
		a.addHistory(a.sequence, data)
		for l := range a.open {
			if !l.needsState {
				l.cfg.Deliver(Message{Data: data})
			}
		}
	}
	a.notices = nil
	s.sendState()
}

// sendState tells the whole state to newcomers, and to all when it changed.
func (s *Session) sendState() {
	a := &s.sockets
	whole := a.stateChanged
	if whole && a.large && !a.reordered {
		if wait := stateInterval - time.Since(a.stateSent); wait > 0 {
			whole = false
			s.sendStateAfter(wait)
		}
	}
	var state *wire.StateEncoder
	var shared []byte
	for l, p := range a.open {
		switch {
		case l.needsState && a.resume(l):
		case l.needsState, a.reordered, whole && !l.cfg.ChangesOnly:
			if shared == nil {
				state = s.encodeState()
				shared = state.Message(nil)
			}
			data := shared
			if a.large && p.visible() && !p.publishing {
				data = state.Message(p.encode())
			}
			l.cfg.Deliver(Message{Data: data})
			if l.needsState {
				s.sendLayers(l)
			}
		}
		if l.needsState && p.unusedLayers != nil {
			l.cfg.Deliver(Message{Data: wire.Encode(0, wire.LayersUnused{Labels: p.unusedLayers})})
		}
		l.needsState = false
	}
	if whole {
		a.stateSent, a.stateChanged = time.Now(), false
	}
	a.reordered = false
}

// sendLayers tells a newcomer in what layers the publishers send: others heard of it
// when it changed.
func (s *Session) sendLayers(l *Socket) {
	for _, p := range s.participants {
		if p.publishing && len(p.layers) > 1 {
			l.cfg.Deliver(Message{Data: wire.Encode(0, describeLayers(p.id, p.layers))})
		}
	}
}

func (s *Session) sendStateAfter(wait time.Duration) {
	if s.sockets.stateTimer {
		return
	}
	s.sockets.stateTimer = true
	s.postAfter(wait, func() { s.sockets.stateTimer = false }) // the batch's end does the rest
}

// encodeState encodes everybody in a small audience, the publishers in a large one.
func (s *Session) encodeState() *wire.StateEncoder {
	var members []*participant
	for _, p := range s.participants {
		if p.visible() && (!s.sockets.large || p.publishing) {
			members = append(members, p)
		}
	}
	slices.SortFunc(members, func(a, b *participant) int { return cmp.Compare(a.order, b.order) })
	state := wire.NewStateEncoder(s.sockets.sequence, s.stageID)
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
