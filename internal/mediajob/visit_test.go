//go:build cgo

package mediajob

import (
	"testing"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/wire"
)

func TestNearest_ChoosesTheSmallestLayerThatIsEnough(t *testing.T) {
	three := []wire.Layer{{Label: "hi", Width: 1280, Height: 720, Active: true}, {Label: "mid", Width: 640, Height: 360, Active: true}, {Label: "low", Width: 320, Height: 180, Active: true}}
	cases := []struct {
		name   string
		layers []wire.Layer
		place  layout.Size
		want   string
	}{
		{"a place of its size", three, layout.Size{Width: 640, Height: 360}, "mid"},
		{"a little enlarged", three, layout.Size{Width: 720, Height: 404}, "mid"},
		{"enlarged too much", three, layout.Size{Width: 960, Height: 540}, "hi"},
		{"a small window", three, layout.Size{Width: 160, Height: 90}, "low"},
		{"larger than all", three, layout.Size{Width: 1920, Height: 1080}, "hi"},
		{"a tall place that is covered", three, layout.Size{Width: 320, Height: 720}, "hi"},
		{"a layer that isn't sent", []wire.Layer{three[0], {Label: "mid", Width: 640, Height: 360}, three[2]}, layout.Size{Width: 640, Height: 360}, "hi"},
		{"no choice", three[:1], layout.Size{Width: 64, Height: 36}, ""},
		{"no place", three, layout.Size{}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := nearest(c.layers, c.place); got != c.want {
				t.Errorf("layer %q, want %q", got, c.want)
			}
		})
	}
}

func TestWorker_CountsPublishersByWhatItHears(t *testing.T) {
	w := &composition{room: compositor.NewRoom(), stage: stage{known: map[string]*publisher{}, ready: true}}
	w.token.ParticipantID = "me"
	hear := func(payload wire.Payload, want int) {
		t.Helper()
		w.hear(wire.Message{Type: payload.Type(), Payload: payload})
		if got := w.stage.publishers(); got != want {
			t.Errorf("after %s %+v there are %d publishers, want %d", payload.Type(), payload, got, want)
		}
	}
	state := func(participants ...wire.Participant) wire.StageState {
		return wire.StageState{Participants: participants}
	}
	hear(state(wire.Participant{ID: "me", IsPublishing: true}, wire.Participant{ID: "a", IsPublishing: true}, wire.Participant{ID: "b"}), 1)
	hear(wire.PublishState{ParticipantID: "b", IsPublishing: true}, 2)
	hear(wire.PublishState{ParticipantID: "a"}, 1)
	hear(wire.ParticipantLeft{ParticipantID: "b"}, 0)
	hear(state(wire.Participant{ID: "c", IsPublishing: true}), 1)
	hear(state(), 0)
}
