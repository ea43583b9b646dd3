package sfu

import (
	"slices"
	"testing"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/sdp"
)

// threeLayers are low, mid and hi, offered the best first, of which some flow.
func threeLayers(flowing ...string) []layerView {
	all := []layerView{{index: 2, label: "low", smoothed: 200_000}, {index: 1, label: "mid", smoothed: 700_000}, {index: 0, label: "hi", smoothed: 1_700_000}}
	for i := range all {
		all[i].active = slices.Contains(flowing, all[i].label)
	}
	return all
}

func TestUnusedTimer_FindsUnusedLayersButNeverTheSmallest(t *testing.T) {
	const low, mid, hi = layerSet(1 << 2), layerSet(1 << 1), layerSet(1 << 0)
	const second = time.Second
	type step struct {
		at   time.Duration // seconds
		used layerSet
		want layerSet
	}
	for name, steps := range map[string][]step{
		"no layer is used":                          {{1, 0, 0}, {5, 0, 0}, {6, 0, hi | mid}, {60, 0, hi | mid}},
		"each layer is used":                        {{1, low | mid | hi, 0}, {60, low | mid | hi, 0}},
		"only the best is used":                     {{1, hi, 0}, {60, hi, 0}},
		"layers above the best used one are unused": {{1, mid, 0}, {6, mid, hi}},
		"a layer is used again":                     {{1, low, 0}, {6, low, hi | mid}, {7, low | hi, 0}, {8, low | mid, 0}, {13, low | mid, hi}},
		"used again within the time":                {{1, low, 0}, {5, hi, 0}, {6, low, 0}, {10, low, 0}, {11, low, mid | hi}},
	} {
		t.Run(name, func(t *testing.T) {
			var i unusedTimer
			for _, s := range steps {
				if got := i.update(s.at*second, threeLayers("low", "mid", "hi"), s.used); got != s.want {
					t.Errorf("at %d s, with %03b used, %03b are unused, want %03b", s.at, s.used, got, s.want)
				}
			}
		})
	}
	t.Run("a layer that the publisher does not send", func(t *testing.T) {
		var i unusedTimer
		i.update(second, threeLayers()[:2], 0)
		if got := i.update(20*second, threeLayers()[:2], 0); got != mid {
			t.Errorf("%03b are unused, want %03b", got, mid)
		}
	})
}

func TestUnusedState_FreezesTheBitrateUntilTheLayerIsBack(t *testing.T) {
	const second = time.Second
	var r unusedState
	for _, s := range []struct {
		name              string
		at                time.Duration // tenths of a second
		unused, active    bool
		available, frozen bool
	}{
		{"used from the start", 10, false, true, false, false},
		{"just unused", 20, true, true, true, true},
		{"stopped by the publisher for it", 100, true, false, true, true},
		{"unused for long, but still sent", 110, true, true, true, false},
		{"just used again", 120, false, false, true, true},
		{"sent again", 130, false, true, true, true},
		{"sent again for a while", 160, false, true, false, false},
		{"stopped for another reason", 170, false, false, false, false},
	} {
		if available, frozen := r.update(s.at*second/10, s.unused, s.active); available != s.available || frozen != s.frozen {
			t.Errorf("%s: available %v, frozen %v; want %v, %v", s.name, available, frozen, s.available, s.frozen)
		}
	}
}

func TestSubscription_SendsASmallerLayerUntilAnUnusedOneIsBack(t *testing.T) {
	const low, mid, hi = 0, 1, 2 // as in requests
	label := map[int8]string{2: "low", 1: "mid", 0: "hi"}
	for _, c := range []struct {
		name    string
		flowing []string // layers
		current int
		max     int
		layer   int
		first   bool // nothing was sent yet
		want    string
	}{
		{"the layer is sent", []string{"low", "mid", "hi"}, low, hi, hi, false, "hi"},
		{"an upgrade: the current layer continues", []string{"low"}, low, hi, hi, false, "hi"},
		{"a downgrade: the current layer does not fit", []string{"low", "hi"}, hi, hi, mid, false, "low"},
		{"a choice: the current layer fits", []string{"low", "hi"}, hi, mid, mid, false, "mid"},
		{"at the start: the smallest layer", []string{"low"}, bandwidth.NoLayer, hi, hi, true, "low"},
		{"about to start", []string{"low"}, low, hi, hi, true, "low"},
		{"no smaller layer is sent", []string{"hi"}, hi, hi, low, false, "low"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newSubscription(nil, h264Track(), &sdp.AnswerSection{})
			if !c.first {
				u.sentBitrate.Store(100_000)
			}
			view := &trackView{layers: threeLayers(c.flowing...)}
			u.setAllocated(view, &bandwidth.Request{Current: c.current, MaxLayer: c.max}, c.layer)
			if got := label[int8(u.target.Load())]; got != c.want {
				t.Errorf("the target is %s, want %s", got, c.want)
			}
			if u.allocated != view.layers[c.layer].index {
				t.Errorf("%s is not allocated", view.layers[c.layer].label)
			}
			back := &trackView{layers: threeLayers("low", "mid", "hi")}
			u.setAllocated(back, &bandwidth.Request{Current: low, MaxLayer: c.max}, c.layer)
			if got := int8(u.target.Load()); got != view.layers[c.layer].index {
				t.Errorf("once it is sent, the target is %s, want %s", label[got], view.layers[c.layer].label)
			}
		})
	}
}

func TestCapRequests_FitsLayersIntoALimitAboveTheSmallest(t *testing.T) {
	three, one := []int{200, 700, 1700}, []int{2000}
	requests := func(layers ...[]int) (all []bandwidth.Request) {
		for _, l := range layers {
			all = append(all, bandwidth.Request{Bitrates: l, MaxLayer: len(l) - 1, Current: bandwidth.NoLayer})
		}
		return all
	}
	for _, c := range []struct {
		name     string
		max      int
		requests []bandwidth.Request
		want     []int
	}{
		{"all fit", 4000, requests(three, three), []int{2, 2}},
		{"one more than the other", 3000, requests(three, three), []int{2, 1}},
		{"both in the middle", 1600, requests(three, three), []int{1, 1}},
		{"less than the smallest", 100, requests(three, three), []int{0, 0}},
		{"one publisher has no layers", 2300, requests(one, three), []int{0, 0}},
		{"and exceeds the limit", 1000, requests(one, three), []int{0, 0}},
		{"and leaves bandwidth", 3000, requests(one, three), []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			capRequests(c.max, c.requests)
			for i, want := range c.want {
				if c.requests[i].MaxLayer != want {
					t.Errorf("publisher %d: MaxLayer is %d, want %d", i, c.requests[i].MaxLayer, want)
				}
			}
		})
	}
}
