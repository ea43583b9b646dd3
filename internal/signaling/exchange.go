package signaling

import (
	"strings"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

const (
	maxOffer        = 64 << 10 // bytes, of offers and fragments
	maxLayerRequest = 4 << 10  // bytes
)

// A caller is a participant that makes a request: by HTTP with its token, or by a message
// of its events socket, which is a [stage.Socket].
type caller interface {
	Grant() authority.Grant
	Publish(offer string) (*stage.Connection, string, error)
	Subscribe(to stage.PublisherRef, offer string) (*stage.Connection, string, error)
	Connection(id string) (*stage.Connection, error)
}

// exchange carries out a request of a participant.
func (s *Server) exchange(who caller, request wire.Request) (wire.Reply, error) {
	switch r := request.(type) {
	case wire.Publish:
		return s.connect(who, r.Offer, func() (*stage.Connection, string, error) { return who.Publish(r.Offer) })
	case wire.Subscribe:
		return s.subscribe(who, r)
	case wire.Patch:
		return patch(who, r)
	case wire.SelectLayer:
		return selectLayer(who, r)
	case wire.End:
		return wire.Reply{}, end(who, r)
	}
	return wire.Reply{}, authority.Failure("carry out the request "+string(request.Type()), nil)
}

func (s *Server) subscribe(who caller, r wire.Subscribe) (wire.Reply, error) {
	var publisherID string
	reply, err := s.connect(who, r.Offer, func() (*stage.Connection, string, error) {
		c, answer, err := who.Subscribe(stage.PublisherRef{ID: r.ParticipantID, Place: r.Place}, r.Offer)
		if c != nil && r.Place > 0 {
			publisherID = c.PublisherID()
		}
		return c, answer, err
	})
	reply.ParticipantID = publisherID
	return reply, err
}

// connect answers an offer. Only one of its size reaches open.
func (s *Server) connect(who caller, offer string, open func() (*stage.Connection, string, error)) (wire.Reply, error) {
	if len(offer) > maxOffer {
		return wire.Reply{}, tooLarge(maxOffer)
	}
	c, answer, err := open()
	if err != nil {
		return wire.Reply{}, err
	}
	reply := wire.Reply{Connection: c.ID(), Location: strings.TrimSuffix(s.base, "/") + "/sessions/" + c.ID(), ETag: c.ETag(), Answer: answer}
	if s.cfg.ICEServers != nil {
		reply.ICEServers = s.cfg.ICEServers(who.Grant())
	}
	return reply, nil
}

// patch adds candidates or restarts ICE (RFC 9725 §4.3).
func patch(who caller, r wire.Patch) (wire.Reply, error) {
	c, err := who.Connection(r.Connection)
	if err != nil {
		return wire.Reply{}, err
	}
	if len(r.Fragment) > maxOffer {
		return wire.Reply{}, tooLarge(maxOffer)
	}
	answer, err := c.Patch(r.Fragment, r.IfMatch)
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.Reply{ETag: c.ETag(), Fragment: answer}, nil
}

// selectLayer changes what a subscription carries, and replies with what it carries now.
func selectLayer(who caller, r wire.SelectLayer) (wire.Reply, error) {
	c, err := who.Connection(r.Connection)
	if err != nil {
		return wire.Reply{}, err
	}
	if r.Label != nil && len(*r.Label) > maxLayerRequest {
		return wire.Reply{}, tooLarge(maxLayerRequest)
	}
	flow, err := c.SetPreference(stage.Preference{Label: r.Label, Video: r.Video, Audio: r.Audio})
	if err != nil {
		return wire.Reply{}, err
	}
	now := wire.Flow(flow)
	return wire.Reply{Layer: &now}, nil
}

// end ends a connection. The store has that when the request is answered.
func end(who caller, r wire.End) error {
	c, err := who.Connection(r.Connection)
	if err != nil {
		return err
	}
	return c.Close()
}
