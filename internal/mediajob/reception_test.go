//go:build cgo

package mediajob

import (
	"testing"
	"testing/synctest"
	"time"

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

func TestRoster_KeepsThePlaceOfAReplacedPublication(t *testing.T) {
	publish := func(publishing, replaced bool) wire.Payload {
		return wire.PublishState{ParticipantID: "a", IsPublishing: publishing, Replaced: replaced}
	}
	for _, c := range []struct {
		name  string
		ended []wire.Payload // of the first publication
		again bool           // a newer reception begins, a second later
		after time.Duration  // for how long the place is kept; 0 if not
	}{
		{"it is continued", []wire.Payload{publish(false, true)}, true, time.Hour},
		{"the newer one never begins", []wire.Payload{publish(false, true)}, false, takeoverTime},
		{"the participant leaves", []wire.Payload{publish(false, true), wire.ParticipantLeft{ParticipantID: "a"}}, false, 0},
		{"the publication just ends", []wire.Payload{publish(false, false)}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, stage := &roster{participants: map[string]*participant{}, ready: true}, compositor.NewStage()
				apply := func(p wire.Payload) { r.apply(wire.Message{Type: p.Type(), Payload: p}, "me", stage) }
				apply(publish(true, false))
				first := &reception{id: "a"}
				if _, err := r.join(first, stage); err != nil {
					t.Fatal(err)
				}
				r.remove(&reception{id: "a"}) // not the one that receives
				apply(c.ended[0])
				r.remove(first)
				for _, p := range c.ended[1:] {
					apply(p)
				}
				if c.again {
					time.Sleep(time.Second)
					apply(publish(true, false))
					if _, err := r.join(&reception{id: "a"}, stage); err != nil {
						t.Fatal(err)
					}
				}
				present := func() bool { return len(stage.Stats()) == 1 }
				if c.after == 0 && present() {
					t.Error("the place is kept")
				}
				if time.Sleep(c.after - time.Millisecond); c.after > 0 && !present() {
					t.Error("the place is not kept")
				}
				if time.Sleep(2 * time.Millisecond); !c.again && present() {
					t.Errorf("the place is kept for longer than %v", c.after)
				}
			})
		})
	}
}
