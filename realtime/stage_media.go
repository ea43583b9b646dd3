package realtime

import (
	"context"
	"fmt"
	"slices"

	"rostrum/internal/wire"
)

// Publish sends tracks to the stage and returns when media can flow; ctx bounds that. Layers
// of simulcast that nobody receives are paused. A participant has one publication: a former
// one is closed. The caller, or Close of the Stage, closes the Publication.
func (s *Stage) Publish(ctx context.Context, tracks ...*LocalTrack) (*Publication, error) {
	if _, err := s.Token().PublishAt(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	former := s.publication
	s.publication = nil
	s.mu.Unlock()
	if former != nil {
		_ = former.Close() // its Err has it
	}
	s.prepare(tracks)
	p := newPublication(s.publishAt, s.cfg.Network, tracks)
	p.changed = func(err error) {
		if err != nil {
			s.events.add(ConnectionLost{Publication: p, Err: err})
		} else {
			s.events.add(ConnectionRestored{Publication: p})
		}
	}
	if err := p.start(ctx, rejoinLimit(s.cfg.Rejoin)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	ended := s.err
	var other *Publication // of a call at the same time
	if ended == nil {
		other, s.publication = s.publication, p
	}
	s.mu.Unlock()
	if other != nil {
		_ = other.Close() // its Err has it
	}
	s.prepare(tracks) // what changed meanwhile
	if ended != nil {
		_ = p.Close()
		return nil, fmt.Errorf("publish: %w", ended)
	}
	return p, nil
}

// prepare mutes and pauses tracks as those of the stage are.
func (s *Stage) prepare(tracks []*LocalTrack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tracks {
		t.setMuted(s.muted[t.codec.Kind()])
		t.pauseLayers(s.unused)
	}
}

// publishAt is where the participant's newest token publishes.
func (s *Stage) publishAt() Endpoint {
	at, _ := s.Token().PublishAt() // Publish checked it; an exchange does not change it
	return s.through(at)
}

// through makes requests on the stage's socket.
func (s *Stage) through(at Endpoint) Endpoint {
	at.Client = s.cfg.Client
	at.socket = func(ctx context.Context, r wire.Request) (wire.Reply, error) {
		return s.socket.request(ctx, s.attachment, r)
	}
	return at
}

// Subscribe receives what a participant publishes, and returns when media can flow; ctx bounds
// that. The caller, or Close of the Stage, closes the Subscription. While the publisher does
// not publish, the error is PublisherNotFound.
func (s *Stage) Subscribe(ctx context.Context, participantID string, cfg SubscribeConfig) (*Subscription, error) {
	if _, err := s.Token().SubscribeAt(participantID); err != nil {
		return nil, err
	}
	cfg.Network = s.cfg.Network
	sub := newSubscription(func() Endpoint {
		at, _ := s.Token().SubscribeAt(participantID) // it was checked
		return s.through(at)
	}, participantID, cfg)
	if !cfg.AudioOnly && !cfg.NoRED {
		sub.early = s.early
	}
	sub.changed = func(err error) {
		if err != nil {
			s.events.add(ConnectionLost{Subscription: sub, Err: err})
		} else {
			s.events.add(ConnectionRestored{Subscription: sub})
		}
		if cfg.OnChange != nil {
			cfg.OnChange(err)
		}
	}
	rejoin := s.cfg.Rejoin
	if cfg.Rejoin != 0 {
		rejoin = cfg.Rejoin
	}
	if err := sub.start(ctx, rejoinLimit(rejoin)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	ended := s.err
	if ended == nil {
		s.subscriptions = slices.DeleteFunc(s.subscriptions, func(old *Subscription) bool { return old.Err() != nil })
		s.subscriptions = append(s.subscriptions, sub)
	}
	s.mu.Unlock()
	if ended != nil {
		_ = sub.Close()
		return nil, fmt.Errorf("subscribe: %w", ended)
	}
	return sub, nil
}

// SetMuted mutes what is published of a kind, or unmutes it, and tells the other
// participants. At once nothing is sent of it any more; the tracks drop what is written. It
// holds for later publications of the Stage too. While the events socket is not connected,
// the others are told when it is.
func (s *Stage) SetMuted(ctx context.Context, kind Kind, muted bool) error {
	s.mu.Lock()
	s.muted[kind] = muted
	if s.publication != nil {
		for _, t := range s.publication.tracks {
			if t.codec.Kind() == kind {
				t.setMuted(muted)
			}
		}
	}
	message := s.mute()
	s.mu.Unlock()
	if err := s.socket.send(ctx, s.attachment, message); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// mute is the message of what is muted; s.mu is held.
func (s *Stage) mute() wire.Mute {
	audio, video := s.muted[Audio], s.muted[Video]
	return wire.Mute{AudioMuted: &audio, VideoStopped: &video}
}

// pauseLayers pauses the layers that nobody receives; s.mu is held.
func (s *Stage) pauseLayers(unused []string) {
	s.unused = unused
	if s.publication != nil {
		for _, t := range s.publication.tracks {
			t.pauseLayers(unused)
		}
	}
}
