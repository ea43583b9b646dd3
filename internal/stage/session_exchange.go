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

// exchange replaces a participant's token by the one of grant g, or
// disconnects the participant when that was refused with err.
func (s *Session) exchange(sock *Socket, g authority.Grant, err error) {
	p := s.sockets.open[sock]
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
		s.disconnect(p, m)
		return
	}
	old, now := p.grant, timestamp()
	s.limitRights(old, g)
	s.regrant(p, g)
	if p.stored() {
		previous, next := old.Exchanged(), g.Exchanged()
		s.recordEvent(p.id, ivsrealtime.Event{Name: ivsrealtime.EventTokenExchanged, EventTime: now, PreviousToken: &previous, NewToken: &next})
		s.emitEvent(event.TokenExchanged(p.eventSubject(s), now, previous, next))
	}
	s.notify(p, wire.TokenExchanged{Participant: p.describe()})
	if !g.Publish && p.publication != nil {
		s.closeConnection(p.publication, "token-exchanged")
	}
	if !g.Subscribe {
		for _, c := range p.subscriptions {
			s.closeConnection(c, "token-exchanged")
		}
	}
}

// limitRights has the token that was exchanged and all older ones of the participant
// allow no more than the new one, here and, once that is stored, on all nodes.
func (s *Session) limitRights(old, next authority.Grant) {
	r := store.Rights{Publish: next.Publish, Subscribe: next.Subscribe, Issued: next.IssuedAt}
	if old.IssuedAt.After(r.Issued) {
		r.Issued = old.IssuedAt
	}
	s.registry.exchanges.add(next, r)
	s.addWrite(func(tx *store.Tx) error {
		return tx.Exchanged(next.StageARN, next.ParticipantID, r, r.Issued.Add(token.MaxLifetime+token.Leeway))
	})
}

// regrant gives a participant a newer grant and announces what others see of it.
func (s *Session) regrant(p *participant, g authority.Grant) {
	old := p.grant
	p.grant = g
	same := old.UserID == g.UserID && maps.Equal(old.Attributes, g.Attributes) && old.Publish == g.Publish && old.Subscribe == g.Subscribe
	if same {
		return
	}
	attributes := p.attributes()
	s.updateRow(p, func(row *store.Participant) { row.UserID, row.Attributes = g.UserID, attributes })
	if !p.visible() || s.sockets.large && !p.publishing {
		return
	}
	s.notifyAll(wire.MetadataChanged{ParticipantID: p.id, UserID: g.UserID, Attributes: attributes, Capabilities: g.Capabilities()})
	s.markStateChanged(p)
}
