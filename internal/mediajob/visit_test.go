//go:build cgo

package mediajob

import (
	"encoding/json"
	"testing"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/internal/peer"
)

func TestNearest_ChoosesTheSmallestLayerThatIsEnough(t *testing.T) {
	three := []layer{{"hi", 1280, 720, true}, {"mid", 640, 360, true}, {"low", 320, 180, true}}
	cases := []struct {
		name   string
		layers []layer
		place  layout.Size
		want   string
	}{
		{"a place of its size", three, layout.Size{Width: 640, Height: 360}, "mid"},
		{"a little enlarged", three, layout.Size{Width: 720, Height: 404}, "mid"},
		{"enlarged too much", three, layout.Size{Width: 960, Height: 540}, "hi"},
		{"a small window", three, layout.Size{Width: 160, Height: 90}, "low"},
		{"larger than all", three, layout.Size{Width: 1920, Height: 1080}, "hi"},
		{"a tall place that is covered", three, layout.Size{Width: 320, Height: 720}, "hi"},
		{"a layer that isn't sent", []layer{three[0], {"mid", 640, 360, false}, three[2]}, layout.Size{Width: 640, Height: 360}, "hi"},
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
	hear := func(kind, payload string, want int) {
		t.Helper()
		w.hear(peer.Message{Type: kind, Payload: json.RawMessage(payload)})
		if got := w.stage.publishers(); got != want {
			t.Errorf("after %s %s there are %d publishers, want %d", kind, payload, got, want)
		}
	}
	hear("STAGE_STATE", `{"participants":[{"id":"me","isPublishing":true},{"id":"a","isPublishing":true},{"id":"b"}]}`, 1)
	hear("PUBLISH_STATE", `{"participantId":"b","isPublishing":true}`, 2)
	hear("PUBLISH_STATE", `{"participantId":"a","isPublishing":false}`, 1)
	hear("PARTICIPANT_LEFT", `{"participantId":"b"}`, 0)
	hear("MUTE_CHANGED", `"nonsense"`, 0)
	hear("STAGE_STATE", `{"participants":[{"id":"c","isPublishing":true}]}`, 1)
	hear("STAGE_STATE", `{"participants":[]}`, 0)
}
