package stage

import (
	"errors"
	"maps"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// exchange replaces a participant's token by the one that g was granted for, or
// that was refused with err. Only tokens that an application signed itself can
// be exchanged, and what makes the participant this one must stay: id, stage
// and addresses (Real-Time User Guide, exchanging tokens).
func (s *Session) exchange(a *Attendance, g Grant, err error) {
	p := s.audience.listeners[a]
	if p == nil {
		return
	}
	if err == nil {
		err = exchangeable(p.grant, g)
	}
	if err != nil {
		f := farewell{kind: "KICKED", reason: "failed-exchange", detail: "the new token could not be judged", code: Failed}
		var refusal *Refusal
		if errors.As(err, &refusal) {
			f.detail, f.code = refusal.Detail, refusal.Code
		}
		s.kick(p, f)
		return
	}
	old, now := p.grant, moment()
	s.regrant(p, g)
	if p.visible() {
		previous, next := old.exchanged(), g.exchanged()
		s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventTokenExchanged, EventTime: now, PreviousToken: &previous, NewToken: &next})
		s.emit(event.TokenExchanged(p.subject(s), now, previous, next))
	}
	s.tellOne(p, "TOKEN_EXCHANGED", p.asMember())
	if !g.Publish && p.publication != nil {
		s.hangUp(p.publication, "token-exchanged")
	}
	if !g.Subscribe {
		for _, c := range p.subscriptions {
			s.hangUp(c, "token-exchanged")
		}
	}
}

func exchangeable(old, next Grant) error {
	no := func(why string) error { return refuse(Forbidden, ExchangeRefused, "%s", why) }
	switch {
	case !old.SelfSigned() || !next.SelfSigned():
		return no("only tokens that the application signed itself can be exchanged")
	case old.ParticipantID != next.ParticipantID:
		return no("the claim jti differs from that of the token in use")
	case old.StageARN != next.StageARN || old.StageID != next.StageID:
		return no("the claims resource and topic differ from those of the token in use")
	case old.EventsURL != next.EventsURL || old.WHIPURL != next.WHIPURL:
		return no("the claims events_url and whip_url differ from those of the token in use")
	}
	return nil
}

// regrant gives a participant a newer grant and tells what others see of it.
func (s *Session) regrant(p *participant, g Grant) {
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
	m := p.asMember()
	s.tell("METADATA_CHANGED", metadataPayload{m.ID, m.UserID, m.Attributes, m.Capabilities})
	s.stateChanged(p)
}
