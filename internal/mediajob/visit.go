//go:build cgo

package mediajob

import (
	"context"
	"errors"
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/peer"
	"rostrum/internal/wire"
	"rostrum/internal/worker"
)

// A stage is what is known of the stage's participants.
type stage struct {
	mu    sync.Mutex // guards what follows
	known map[string]*publisher
	ready bool
}

// publisher is what the events socket told of a participant.
type publisher struct {
	publishing bool
	gone       bool // forgotten once it isn't composed any more
	attributes map[string]string
	stopped    bool
	layers     []wire.Layer
	member     *compositor.Member // while composed
}

func (s *stage) publishers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.known {
		if k.publishing {
			n++
		}
	}
	return n
}

// follow is on the stage until ctx ends; an error tells why we may not be any more.
func (w *composition) follow(ctx context.Context) error {
	w.stage.known = map[string]*publisher{}
	events, err := peer.NewEvents(w.token, nil)
	if err != nil {
		return err
	}
	deleted := false
	err = peer.Follow(ctx, w.token, events, func(m wire.Message) {
		_, gone := m.Payload.(wire.StageDeleted)
		deleted = deleted || gone
		w.hear(m)
	}, w.visit)
	if deleted {
		return errors.New(worker.StageDeleted)
	}
	return err
}

// hear takes in a message before the visits that follow from it.
func (w *composition) hear(m wire.Message) {
	if first := w.stage.apply(m, w.token.ParticipantID, w.room); first {
		w.report(worker.Report{Kind: worker.Ready})
	}
}

// apply takes in a message. It reports whether that was the first whole state.
func (s *stage) apply(m wire.Message, self string, room *compositor.Room) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := m.Payload.(type) {
	case wire.StageState:
		s.take(m, self, room)
		first, s.ready = !s.ready, true
	case wire.MetadataChanged:
		s.about(m.ParticipantID).setAttributes(m.Attributes)
	case wire.PublishState:
		k := s.about(m.ParticipantID)
		k.setAttributes(m.Participant.Attributes)
		k.publishing = m.IsPublishing
	case wire.MuteChanged:
		s.about(m.ParticipantID).setStopped(m.VideoStopped)
	case wire.Layers:
		s.about(m.ParticipantID).layers = m.Layers
	case wire.ParticipantLeft:
		s.leave(m.ParticipantID)
	}
	return first
}

// about is what is known of a participant, who is there; s.mu is held.
func (s *stage) about(id string) *publisher {
	if s.known[id] == nil {
		s.known[id] = &publisher{}
	}
	s.known[id].gone = false
	return s.known[id]
}

// leave forgets a participant, as soon as it isn't composed any more; s.mu is held.
func (s *stage) leave(id string) {
	k := s.known[id]
	if k == nil {
		return
	}
	k.publishing, k.gone = false, true
	if k.member == nil {
		delete(s.known, id)
	}
}

func (k *publisher) setAttributes(a map[string]string) {
	k.attributes = a
	if k.member != nil {
		k.member.SetAttributes(a)
	}
}

func (k *publisher) setStopped(stopped bool) {
	k.stopped = stopped
	if k.member != nil {
		k.member.SetVideoStopped(stopped)
	}
}

// take replaces what is known by the whole state. The order in which it names the
// publishers is that of their arrival; s.mu is held.
func (s *stage) take(state wire.StageState, self string, room *compositor.Room) {
	here := map[string]bool{}
	for _, p := range state.Participants {
		if p.ID == self {
			continue
		}
		here[p.ID] = true
		k := s.about(p.ID)
		k.setAttributes(p.Attributes)
		k.setStopped(p.VideoStopped)
		if k.publishing = p.IsPublishing; k.publishing {
			room.Expect(p.ID)
		}
	}
	for id := range s.known {
		if !here[id] {
			s.leave(id)
		}
	}
}

// visit composes one publisher until ctx ends, subscribing again whenever the media
// break off.
func (w *composition) visit(ctx context.Context, p wire.Participant) {
	v := &visit{worker: w, id: p.ID}
	w.stage.mu.Lock()
	k := w.stage.known[p.ID]
	if k == nil { // it left meanwhile
		w.stage.mu.Unlock()
		return
	}
	m, err := w.room.Join(compositor.MemberConfig{ID: p.ID, Attributes: k.attributes, KeyframeNeeded: v.askKeyframe})
	if err != nil {
		w.stage.mu.Unlock()
		w.log("WARN", "%v", err)
		return
	}
	k.member = m
	m.SetVideoStopped(k.stopped)
	w.stage.mu.Unlock()
	defer func() {
		w.stage.mu.Lock()
		if k.member = nil; k.gone {
			w.stage.leave(p.ID)
		}
		w.stage.mu.Unlock()
		m.Leave()
	}()
	v.member = m
	for ctx.Err() == nil {
		if err := v.receive(ctx); err != nil && ctx.Err() == nil {
			w.log("WARN", "receive %s: %v", p.ID, err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// A visit is the reception of one publisher.
type visit struct {
	worker *composition
	id     string
	member *compositor.Member

	mu    sync.Mutex // guards what follows
	video *peer.Inlet
}

// receive is one subscription, to its end.
func (v *visit) receive(ctx context.Context) error {
	at, err := v.worker.token.SubscribeAt(v.id)
	if err != nil {
		return err
	}
	s, err := peer.Subscribe(ctx, at, peer.SubscribeConfig{OnFrame: v.take})
	if err != nil {
		return err
	}
	v.choose(ctx, s)
	err = s.Err()
	return errors.Join(err, s.Close())
}

// take hands a frame on.
func (v *visit) take(in *peer.Inlet, f peer.Received) {
	captured, _ := in.Captured(f.Timestamp)
	if in.Codec.Kind().String() == "video" {
		v.mu.Lock()
		v.video = in
		v.mu.Unlock()
	}
	v.member.Write(compositor.Frame{
		Codec: in.Codec, Timestamp: f.Timestamp, Captured: captured, Arrived: f.Arrived,
		Keyframe: f.Keyframe, Width: f.Width, Height: f.Height, Data: f.Data,
	})
}

func (v *visit) askKeyframe() {
	v.mu.Lock()
	in := v.video
	v.mu.Unlock()
	if in != nil {
		in.AskKeyframe()
	}
}

// choose asks for the layer nearest to the place in the picture, as that changes,
// until the subscription ends.
func (v *visit) choose(ctx context.Context, s *peer.Subscription) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	chosen := ""
	for {
		select {
		case <-tick.C:
		case <-s.Done():
			return
		case <-ctx.Done():
			return
		}
		label := v.wanted()
		if label == "" || label == chosen {
			continue
		}
		if _, err := s.ChooseLayer(ctx, label); err != nil {
			v.worker.log("DEBUG", "choose layer %s of %s: %v", label, v.id, err)
			continue // and once more
		}
		chosen = label
	}
}

// wanted is the label of the layer to ask for; empty where there's no choice.
func (v *visit) wanted() string {
	var place layout.Size
	for _, p := range v.worker.programs {
		if s := p.Sizes()[v.id]; s.Width*s.Height > place.Width*place.Height {
			place = s
		}
	}
	v.worker.stage.mu.Lock()
	defer v.worker.stage.mu.Unlock()
	k := v.worker.stage.known[v.id]
	if k == nil {
		return ""
	}
	return nearest(k.layers, place)
}

// nearest is the smallest layer that needn't be enlarged by more than a quarter;
// the largest where all would.
func nearest(layers []wire.Layer, place layout.Size) string {
	best, largest := wire.Layer{}, wire.Layer{}
	choices := 0
	for _, l := range layers {
		if !l.Active || l.Width == 0 {
			continue
		}
		choices++
		if l.Width > largest.Width {
			largest = l
		}
		enough := 5*l.Width >= 4*place.Width && 5*l.Height >= 4*place.Height
		if enough && (best.Width == 0 || l.Width < best.Width) {
			best = l
		}
	}
	switch {
	case choices < 2 || place == (layout.Size{}):
		return ""
	case best.Width == 0:
		return largest.Label
	}
	return best.Label
}
