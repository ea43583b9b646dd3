package stage

import (
	"errors"
	"maps"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// exchange replaces a participant's token by the one that g was granted for, or
// that was refused with err. Only tokens that an application signed itself can
// be exchanged, and what makes the participant this one must stay: id, stage
// and addresses (Real-Time User Guide, exchanging tokens).
func (s *Session) exchange(a *Attendance, g authority.Grant, err error) {
	p := s.audience.listeners[a]
	if p == nil {
		return
	}
	g = s.registry.exchanges.limit(g)
	if err == nil {
		err = authority.CheckExchange(p.grant, g)
	}
	if err != nil {
		m := kicked(wire.ReasonFailedExchange, "the new token could not be verified")
		m.Code = string(authority.Failed)
		var refusal *authority.Refusal
		if errors.As(err, &refusal) {
			m.Detail, m.Code = refusal.Detail, string(refusal.Code)
		}
		s.kick(p, m)
		return
	}
	old, now := p.grant, moment()
	s.keepRights(old, g)
	s.regrant(p, g)
	if p.visible() {
		previous, next := old.Exchanged(), g.Exchanged()
		s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventTokenExchanged, EventTime: now, PreviousToken: &previous, NewToken: &next})
		s.emit(event.TokenExchanged(p.subject(s), now, previous, next))
	}
	s.notify(p, wire.TokenExchanged{Participant: p.describe()})
	if !g.Publish && p.publication != nil {
		s.hangUp(p.publication, "token-exchanged")
	}
	if !g.Subscribe {
		for _, c := range p.subscriptions {
			s.hangUp(c, "token-exchanged")
		}
	}
}

// keepRights has the token that was exchanged and all older ones of the participant
// allow no more than the new one, here and, once it is kept, on all nodes.
func (s *Session) keepRights(old, next authority.Grant) {
	r := store.Rights{Publish: next.Publish, Subscribe: next.Subscribe, Issued: next.IssuedAt}
	if old.IssuedAt.After(r.Issued) {
		r.Issued = old.IssuedAt
	}
	s.registry.exchanges.add(next, r)
	s.note(func(tx *store.Tx) error {
		return tx.Exchanged(next.StageARN, next.ParticipantID, r, r.Issued.Add(token.MaxLifetime+token.Leeway))
	})
}

// regrant gives a participant a newer grant and tells what others see of it.
func (s *Session) regrant(p *participant, g authority.Grant) {
	old := p.grant
	p.grant = g
	same := old.UserID == g.UserID && maps.Equal(old.Attributes, g.Attributes) && old.Publish == g.Publish && old.Subscribe == g.Subscribe
	if same || !p.visible() {
		return
	}
	attributes := p.attributes()
	s.update(p, func(kept *store.Participant) { kept.UserID, kept.Attributes = g.UserID, attributes })
	if s.audience.large && !p.publishing {
		return
	}
	s.notifyAll(wire.MetadataChanged{ParticipantID: p.id, UserID: g.UserID, Attributes: attributes, Capabilities: g.Capabilities()})
	s.stateChanged(p)
}
