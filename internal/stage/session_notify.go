package stage

import (
	"cmp"
	"slices"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/wire"
)

// goingAway asks clients to reconnect, to this node or another.
var goingAway = wire.GoingAway{CloseNotice: wire.CloseNotice{Reason: wire.ReasonGoingAway}}

// kicked closes the socket of a participant that must not reconnect.
func kicked(reason wire.CloseReason, detail string) wire.Kicked {
	return wire.Kicked{CloseNotice: wire.CloseNotice{Reason: reason, Detail: detail}}
}

// notifyAll sends to all sockets once the batch is stored.
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
func (s *Session) closeSocket(sock *Socket, why wire.Closing) {
	s.sockets.notices = append(s.sockets.notices, notice{to: sock, payload: why, last: true})
}

// markStateChanged has the whole state sent at the end of the batch, or later
// when many sockets are open.
func (s *Session) markStateChanged(p *participant) {
	p.encoded = nil
	s.sockets.stateChanged = true
}

// sendNotices sends the batch's messages, then the whole state to those that
// need it.
func (s *Session) sendNotices() {
	sockets := &s.sockets
	for _, n := range sockets.notices {
		if n.to != nil {
			n.to.cfg.Deliver(Message{Data: wire.Encode(0, n.payload), Last: n.last})
			continue
		}
		sockets.sequence++
		data := wire.Encode(sockets.sequence, n.payload)
		sockets.addHistory(sockets.sequence, data)
		for sock := range sockets.open {
			if !sock.needsState {
				sock.cfg.Deliver(Message{Data: data})
			}
		}
	}
	sockets.notices = nil
	s.sendState()
}

// sendState sends the whole state to new sockets, and to all when it changed.
func (s *Session) sendState() {
	sockets := &s.sockets
	whole := sockets.stateChanged
	if whole && sockets.large && !sockets.reordered {
		if wait := stateInterval - time.Since(sockets.stateSent); wait > 0 {
			whole = false
			s.sendStateAfter(wait)
		}
	}
	var state *wire.StateEncoder
	var shared []byte
	for sock, p := range sockets.open {
		switch {
		case sock.needsState && sockets.resume(sock):
		case sock.needsState, sockets.reordered, whole && !sock.cfg.ChangesOnly:
			if shared == nil {
				state = s.encodeState()
				shared = state.Message(nil)
			}
			data := shared
			if sockets.large && p.visible() && !p.publishing {
				data = state.Message(p.encode())
			}
			sock.cfg.Deliver(Message{Data: data})
			if sock.needsState {
				s.sendLayers(sock)
				s.sendSpeaker(sock)
			}
		}
		if sock.needsState && p.unusedLayers != nil {
			sock.cfg.Deliver(Message{Data: wire.Encode(0, wire.LayersUnused{Labels: p.unusedLayers})})
		}
		sock.needsState = false
	}
	if whole {
		sockets.stateSent, sockets.stateChanged = time.Now(), false
	}
	sockets.reordered = false
}

// sendLayers sends the publishers' layers to a new socket; others got them
// when they changed.
func (s *Session) sendLayers(sock *Socket) {
	for _, p := range s.participants {
		if p.publishing && p.visible() && len(p.layers) > 1 {
			sock.cfg.Deliver(Message{Data: wire.Encode(0, describeLayers(p.id, p.layers))})
		}
	}
}

// sendSpeaker tells a new socket who speaks; others were told when it changed.
func (s *Session) sendSpeaker(sock *Socket) {
	if p := s.participants[s.sockets.speaker]; p != nil && p.publishing && p.visible() {
		sock.cfg.Deliver(Message{Data: wire.Encode(0, wire.ActiveSpeaker{ParticipantID: p.id})})
	}
}

func (s *Session) sendStateAfter(wait time.Duration) {
	if s.sockets.stateTimer {
		return
	}
	s.sockets.stateTimer = true
	s.postAfter(wait, func() { s.sockets.stateTimer = false }) // the end of the batch sends the state
}

// encodeState encodes the state's participants.
func (s *Session) encodeState() *wire.StateEncoder {
	state := wire.NewStateEncoder(s.sockets.sequence, s.stageID)
	for _, p := range s.members() {
		state.Add(p.encode())
	}
	return state
}

// members returns all participants in the order of the state, or the publishers when many
// sockets are open.
func (s *Session) members() []*participant {
	var members []*participant
	for _, p := range s.participants {
		if p.visible() && (!s.sockets.large || p.publishing) {
			members = append(members, p)
		}
	}
	slices.SortFunc(members, func(a, b *participant) int { return cmp.Compare(a.order, b.order) })
	return members
}

// describeLayers is the message about a publisher's layers.
func describeLayers(participantID string, layers []sfu.LayerInfo) wire.Layers {
	m := wire.Layers{ParticipantID: participantID, Layers: make([]wire.Layer, len(layers))}
	for i, l := range layers {
		m.Layers[i] = wire.Layer{Label: l.Label, Width: l.Width, Height: l.Height, Bitrate: l.Bitrate, Framerate: l.FPS, Active: l.Active}
	}
	return m
}
