package realtime

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"rostrum/internal/token"
)

// Token is a participant token and its claims, which are not verified: only the server can.
type Token struct {
	token.Claims
	Raw string // as read; the bearer token and the socket's sub-protocol
}

// ReadToken reads a participant token. Addresses that it does not have are empty.
func ReadToken(raw string) (Token, error) {
	raw = strings.TrimSpace(raw)
	claims, err := token.Read(raw)
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	return Token{Claims: claims, Raw: raw}, nil
}

// PublishAt is where the participant publishes.
func (t Token) PublishAt() (Endpoint, error) {
	if t.WHIPURL == "" {
		return Endpoint{}, errors.New("the token has no whip_url: an endpoint must be given")
	}
	return Endpoint{URL: t.WHIPURL, Bearer: t.Raw}, nil
}

// SubscribeAt is where the participant receives a publisher of its stage.
func (t Token) SubscribeAt(participantID string) (Endpoint, error) {
	if t.WHIPURL == "" {
		return Endpoint{}, errors.New("the token has no whip_url: an endpoint must be given")
	}
	u, err := url.JoinPath(t.WHIPURL, "subscribe", url.PathEscape(participantID))
	if err != nil {
		return Endpoint{}, fmt.Errorf("the token's whip_url: %w", err)
	}
	return Endpoint{URL: u, Bearer: t.Raw, publisher: participantID}, nil
}
