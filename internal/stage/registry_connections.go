package stage

import (
	"slices"

	"rostrum/internal/authority"
)

// Publish answers the offer of a participant that wants to send. It replaces
// an older publication of the participant. Errors are *authority.Refusal.
func (r *Registry) Publish(g authority.Grant, offer string, from Client) (c *Connection, answer string, err error) {
	err = r.withSession(g, func(s *Session) error {
		c, answer, err = s.publish(authorized(g), offer, from)
		return err
	})
	return c, answer, err
}

// Subscribe answers the offer of a participant that wants to receive what
// another one publishes. It replaces an older subscription to the same
// publisher. Errors are *authority.Refusal.
func (r *Registry) Subscribe(g authority.Grant, to PublisherRef, offer string, from Client) (c *Connection, answer string, err error) {
	err = r.withSession(g, func(s *Session) error {
		c, answer, err = s.subscribe(authorized(g), to, offer, from)
		return err
	})
	return c, answer, err
}

// authorized is for a token that was verified.
func authorized(g authority.Grant) grantFunc {
	return func() (authority.Grant, error) { return g, nil }
}

// Connection finds a participant's connection by its id. That of another
// participant is refused as if it did not exist.
func (r *Registry) Connection(g authority.Grant, id string) (*Connection, error) {
	r.mu.Lock()
	c := r.connections[id]
	replaced := c == nil && slices.Contains(r.replaced, id)
	r.mu.Unlock()
	if replaced {
		return nil, connectionReplaced()
	}
	if c == nil {
		if err := r.findElsewhere(g.StageARN); err != nil {
			return nil, err
		}
	}
	if c == nil || c.session.stageARN != g.StageARN || c.owner.id != g.ParticipantID {
		return nil, connectionGone()
	}
	return c, nil
}
