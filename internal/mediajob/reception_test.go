//go:build cgo

package mediajob

import (
	"encoding/pem"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/layout"
	"rostrum/realtime"
)

func TestBestLayer_IsTheSmallestSufficientOne(t *testing.T) {
	three := []realtime.Layer{{Label: "hi", Width: 1280, Height: 720, Active: true}, {Label: "mid", Width: 640, Height: 360, Active: true}, {Label: "low", Width: 320, Height: 180, Active: true}}
	cases := []struct {
		name   string
		layers []realtime.Layer
		tile   layout.Size
		want   string
	}{
		{"a tile of its size", three, layout.Size{Width: 640, Height: 360}, "mid"},
		{"a little enlarged", three, layout.Size{Width: 720, Height: 404}, "mid"},
		{"enlarged too much", three, layout.Size{Width: 960, Height: 540}, "hi"},
		{"a small window", three, layout.Size{Width: 160, Height: 90}, "low"},
		{"larger than all", three, layout.Size{Width: 1920, Height: 1080}, "hi"},
		{"a tall tile that is covered", three, layout.Size{Width: 320, Height: 720}, "hi"},
		{"a layer that is not sent", []realtime.Layer{three[0], {Label: "mid", Width: 640, Height: 360}, three[2]}, layout.Size{Width: 640, Height: 360}, "hi"},
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
	r := &roster{participants: map[string]*participant{}}
	stage := compositor.NewStage()
	apply := func(e realtime.Event, want int) {
		t.Helper()
		r.apply(e, stage)
		if got := r.publishers(); got != want {
			t.Errorf("after %T %+v there are %d publishers, want %d", e, e, got, want)
		}
	}
	publishing := func(id string) realtime.Participant { return realtime.Participant{ID: id, Publishing: true} }
	me := publishing("me")
	me.Local = true
	apply(realtime.ParticipantJoined{Participant: me}, 0)
	apply(realtime.PublishChanged{Participant: me}, 0)
	apply(realtime.ParticipantJoined{Participant: publishing("a")}, 1)
	apply(realtime.ParticipantJoined{Participant: realtime.Participant{ID: "b"}}, 1)
	apply(realtime.PublishChanged{Participant: publishing("b")}, 2)
	apply(realtime.PublishChanged{Participant: realtime.Participant{ID: "a"}}, 1)
	apply(realtime.ParticipantLeft{Participant: realtime.Participant{ID: "b"}}, 0)
	r.replace([]realtime.Participant{publishing("c"), me}, stage)
	if n := r.publishers(); n != 1 {
		t.Errorf("the whole state has one publisher, the roster %d", n)
	}
	r.replace(nil, stage)
	if n := r.publishers(); n != 0 {
		t.Errorf("nobody is left, the roster has %d publishers", n)
	}
}

func TestRoster_KeepsThePlaceOfAReplacedPublication(t *testing.T) {
	publish := func(publishing, replaced bool) realtime.Event {
		return realtime.PublishChanged{Participant: realtime.Participant{ID: "a", Publishing: publishing}, Replaced: replaced}
	}
	for _, c := range []struct {
		name  string
		ended []realtime.Event // of the first publication
		again bool             // a newer reception begins, a second later
		after time.Duration    // for how long the place is kept; 0 if not
	}{
		{"it is continued", []realtime.Event{publish(false, true)}, true, time.Hour},
		{"the newer one never begins", []realtime.Event{publish(false, true)}, false, takeoverTime},
		{"the participant leaves", []realtime.Event{publish(false, true), realtime.ParticipantLeft{Participant: realtime.Participant{ID: "a"}}}, false, 0},
		{"the publication just ends", []realtime.Event{publish(false, false)}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, stage := &roster{participants: map[string]*participant{}}, compositor.NewStage()
				apply := func(e realtime.Event) { r.apply(e, stage) }
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

// A server's certificate may be of no authority that the system knows.
func TestTrustingClient_ReachesAServerWithItsOwnCertificate(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	resp, err := trustingClient(string(certificate)).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if c := trustingClient(""); c != nil {
		t.Errorf("without certificates it is %+v, want the default", c)
	}
}
