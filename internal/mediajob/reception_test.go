//go:build cgo

package mediajob

import (
	"testing"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/wire"
)

func TestBestLayer_IsTheSmallestSufficientOne(t *testing.T) {
	three := []wire.Layer{{Label: "hi", Width: 1280, Height: 720, Active: true}, {Label: "mid", Width: 640, Height: 360, Active: true}, {Label: "low", Width: 320, Height: 180, Active: true}}
	cases := []struct {
		name   string
		layers []wire.Layer
		tile   layout.Size
		want   string
	}{
		{"a tile of its size", three, layout.Size{Width: 640, Height: 360}, "mid"},
		{"a little enlarged", three, layout.Size{Width: 720, Height: 404}, "mid"},
		{"enlarged too much", three, layout.Size{Width: 960, Height: 540}, "hi"},
		{"a small window", three, layout.Size{Width: 160, Height: 90}, "low"},
		{"larger than all", three, layout.Size{Width: 1920, Height: 1080}, "hi"},
		{"a tall tile that is covered", three, layout.Size{Width: 320, Height: 720}, "hi"},
		{"a layer that is not sent", []wire.Layer{three[0], {Label: "mid", Width: 640, Height: 360}, three[2]}, layout.Size{Width: 640, Height: 360}, "hi"},
		{"no choice", three[:1], layout.Size{Width: 64, Height: 36}, ""},
		{"no tile", three, layout.Size{}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := bestLayer(c.layers, c.tile); got != c.want {
				t.Errorf("layer %q, want %q", got, c.want)
			}
		})
	}
}

func TestRoster_CountsPublishers(t *testing.T) {
	r := &roster{participants: map[string]*participant{}, ready: true}
	stage := compositor.NewStage()
	apply := func(payload wire.Payload, want int) {
		t.Helper()
		r.apply(wire.Message{Type: payload.Type(), Payload: payload}, "me", stage)
		if got := r.publishers(); got != want {
			t.Errorf("after %s %+v there are %d publishers, want %d", payload.Type(), payload, got, want)
		}
	}
	state := func(participants ...wire.Participant) wire.StageState {
		return wire.StageState{Participants: participants}
	}
	apply(state(wire.Participant{ID: "me", IsPublishing: true}, wire.Participant{ID: "a", IsPublishing: true}, wire.Participant{ID: "b"}), 1)
	apply(wire.PublishState{ParticipantID: "b", IsPublishing: true}, 2)
	apply(wire.PublishState{ParticipantID: "a"}, 1)
	apply(wire.ParticipantLeft{ParticipantID: "b"}, 0)
	apply(state(wire.Participant{ID: "c", IsPublishing: true}), 1)
	apply(state(), 0)
}
