//go:build cgo

package mediajob

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/peer"
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
	layers     []layer
	member     *compositor.Member // while composed
}

// stageState is what STAGE_STATE says.
type stageState struct {
	Participants []struct {
		peer.Member
		VideoStopped bool `json:"videoStopped"`
	} `json:"participants"`
}

// layer is an encoding that a publisher sends.
type layer struct {
	Label  string `json:"label"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Active bool   `json:"active"`
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
	err = peer.Follow(ctx, w.token, events, func(m peer.Message) {
		deleted = deleted || m.Type == "STAGE_DELETED"
		w.hear(m)
	}, w.visit)
	if deleted {
		return errors.New(worker.StageDeleted)
	}
	return err
}

// hear takes in a message before the visits that follow from it.
func (w *composition) hear(m peer.Message) {
	if m.Type == "STAGE_STATE" {
		var state stageState
		if json.Unmarshal(m.Payload, &state) != nil {
			return
		}
		w.stage.take(state, w.token.ParticipantID, w.room)
		if w.stage.first() {
			w.report(worker.Report{Kind: worker.Ready})
		}
		return
	}
	var p struct {
		ParticipantID string            `json:"participantId"`
		Attributes    map[string]string `json:"attributes"`
		VideoStopped  *bool             `json:"videoStopped"`
		IsPublishing  *bool             `json:"isPublishing"`
		Layers        []layer           `json:"layers"`
		Participant   *peer.Member      `json:"participant"`
	}
	if json.Unmarshal(m.Payload, &p) != nil || p.ParticipantID == "" {
		return
	}
	w.stage.mu.Lock()
	defer w.stage.mu.Unlock()
	k := w.stage.about(p.ParticipantID)
	switch m.Type {
	case "METADATA_CHANGED":
		k.setAttributes(p.Attributes)
	case "PUBLISH_STATE":
		if p.Participant != nil {
			k.setAttributes(p.Participant.Attributes)
		}
		if p.IsPublishing != nil {
			k.publishing = *p.IsPublishing
		}
	case "MUTE_CHANGED":
		if p.VideoStopped != nil {
			k.setStopped(*p.VideoStopped)
		}
	case "LAYERS":
		k.layers = p.Layers
	case "PARTICIPANT_LEFT":
		w.stage.leave(p.ParticipantID)
	}
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
// publishers is that of their arrival.
func (s *stage) take(state stageState, self string, room *compositor.Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// first is true once.
func (s *stage) first() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.ready
	s.ready = true
	return !was
}

// visit composes one publisher until ctx ends, subscribing again whenever the media
// break off.
func (w *composition) visit(ctx context.Context, p peer.Member) {
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
func nearest(layers []layer, place layout.Size) string {
	best, largest := layer{}, layer{}
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
