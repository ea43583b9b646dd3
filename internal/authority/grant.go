package authority

import (
	"time"

	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// A Grant is what a valid token allows, and to whom.
type Grant struct {
	token.Claims
	Account string
	Region  string
}

// SelfSigned reports whether an application signed the token with a key of its
// own: only such tokens can be exchanged.
func (g Grant) SelfSigned() bool { return g.KeyARN != "" }

// Capabilities lists what the token allows, as the API names it.
func (g Grant) Capabilities() []ivsrealtime.Capability {
	all := []ivsrealtime.Capability{}
	if g.Publish {
		all = append(all, ivsrealtime.CapabilityPublish)
	}
	if g.Subscribe {
		all = append(all, ivsrealtime.CapabilitySubscribe)
	}
	return all
}

// CheckExpiry refuses a grant whose token has expired.
func (g Grant) CheckExpiry() error {
	if time.Now().Before(g.ExpiresAt) {
		return nil
	}
	return Refuse(Unauthenticated, TokenExpired, "the token expired at %s", g.ExpiresAt.Format(time.RFC3339))
}

// Exchanged describes the grant's token for the events of a token exchange.
func (g Grant) Exchanged() ivsrealtime.ExchangedParticipantToken {
	return ivsrealtime.ExchangedParticipantToken{
		Capabilities: g.Capabilities(), Attributes: g.Attributes, UserID: g.UserID, ExpirationTime: g.ExpiresAt,
	}
}

// NoMoreThan returns the grant without the rights that an exchange took away. A
// token that was issued after those the exchange is about keeps its own.
func (g Grant) NoMoreThan(r store.Rights) Grant {
	if !g.IssuedAt.After(r.Issued) {
		g.Publish = g.Publish && r.Publish
		g.Subscribe = g.Subscribe && r.Subscribe
	}
	return g
}

// CheckExchange reports why next may not replace old. Only tokens that an
// application signed itself can be exchanged, and what identifies the
// participant must stay: its id, stage and endpoints (Real-Time User Guide,
// exchanging tokens).
func CheckExchange(old, next Grant) error {
	no := func(why string) error { return Refuse(Forbidden, ExchangeRefused, "%s", why) }
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
