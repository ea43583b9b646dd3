package sfu

import (
	"slices"
	"testing"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
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

func TestIdleness_RestsWhatNobodyHasWatchedForAWhileButNeverTheSmallest(t *testing.T) {
	const low, mid, hi = layerSet(1 << 2), layerSet(1 << 1), layerSet(1 << 0)
	const second = time.Second
	type step struct {
		at      time.Duration // seconds
		watched layerSet
		want    layerSet
	}
	for says, steps := range map[string][]step{
		"nobody watches at all":                   {{1, 0, 0}, {5, 0, 0}, {6, 0, hi | mid}, {60, 0, hi | mid}},
		"somebody watches each":                   {{1, low | mid | hi, 0}, {60, low | mid | hi, 0}},
		"only the best is watched":                {{1, hi, 0}, {60, hi, 0}},
		"all above the best that is watched rest": {{1, mid, 0}, {6, mid, hi}},
		"a rested layer is wanted again, at once": {{1, low, 0}, {6, low, hi | mid}, {7, low | hi, 0}, {8, low | mid, 0}, {13, low | mid, hi}},
		"whoever comes back within the time":      {{1, low, 0}, {5, hi, 0}, {6, low, 0}, {10, low, 0}, {11, low, mid | hi}},
	} {
		t.Run(says, func(t *testing.T) {
			var i unusedTimer
			for _, s := range steps {
				if got := i.update(s.at*second, threeLayers("low", "mid", "hi"), s.watched); got != s.want {
					t.Errorf("at %d s, with %03b watched, %03b rest, want %03b", s.at, s.watched, got, s.want)
				}
			}
		})
	}
	t.Run("a layer that the publisher doesn't send is not rested", func(t *testing.T) {
		var i unusedTimer
		i.update(second, threeLayers()[:2], 0)
		if got := i.update(20*second, threeLayers()[:2], 0); got != mid {
			t.Errorf("%03b rest, want %03b", got, mid)
		}
	})
}

func TestRest_KeepsWhatWasMeasuredUntilTheLayerIsBack(t *testing.T) {
	const second = time.Second
	var r unusedState
	for _, s := range []struct {
		says              string
		at                time.Duration // tenths of a second
		unwatched, active bool
		known, frozen     bool
	}{
		{"watched from the start", 10, false, true, false, false},
		{"just told to rest", 20, true, true, true, true},
		{"resting", 100, true, false, true, true},
		{"told long ago, and still sent", 110, true, true, true, false},
		{"just wanted again", 120, false, false, true, true},
		{"back", 130, false, true, true, true},
		{"back for a while", 160, false, true, false, false},
		{"stopped by the publisher itself", 170, false, false, false, false},
	} {
		if known, frozen := r.update(s.at*second/10, s.unwatched, s.active); known != s.known || frozen != s.frozen {
			t.Errorf("%s: known %v, frozen %v; want %v, %v", s.says, known, frozen, s.known, s.frozen)
		}
	}
}

func TestSubscription_WaitsForARestedLayerOnWhatFits(t *testing.T) {
	const low, mid, hi = 0, 1, 2 // as claims count
	label := map[int8]string{2: "low", 1: "mid", 0: "hi"}
	for _, c := range []struct {
		says    string
		flowing []string // layers
		now     int
		most    int
		given   int
		fresh   bool // nothing has come yet
		want    string
	}{
		{"what flows is given as it is", []string{"low", "mid", "hi"}, low, hi, hi, false, "hi"},
		{"climbing: the current one goes on until the keyframe", []string{"low"}, low, hi, hi, false, "hi"},
		{"falling: the larger one doesn't fit any longer", []string{"low", "hi"}, hi, hi, mid, false, "low"},
		{"chosen: the larger one fits until the keyframe", []string{"low", "hi"}, hi, mid, mid, false, "mid"},
		{"beginning: a small picture at once", []string{"low"}, bandwidth.NoLayer, hi, hi, true, "low"},
		{"about to begin: likewise", []string{"low"}, low, hi, hi, true, "low"},
		{"nothing smaller flows", []string{"hi"}, hi, hi, low, false, "low"},
	} {
		t.Run(c.says, func(t *testing.T) {
			u := newSubscription(nil, &Track{kind: media.Video, codec: media.H264}, &sdp.AnswerSection{})
			if !c.fresh {
				u.sentBitrate.Store(100_000)
			}
			view := &trackView{layers: threeLayers(c.flowing...)}
			u.setAllocated(view, &bandwidth.Request{Current: c.now, MaxLayer: c.most}, c.given)
			if got := label[int8(u.target.Load())]; got != c.want {
				t.Errorf("%s is on its way, want %s", got, c.want)
			}
			if u.allocated != view.layers[c.given].index {
				t.Errorf("it is not known as watching %s", view.layers[c.given].label)
			}
			back := &trackView{layers: threeLayers("low", "mid", "hi")}
			u.setAllocated(back, &bandwidth.Request{Current: low, MaxLayer: c.most}, c.given)
			if got := int8(u.target.Load()); got != view.layers[c.given].index {
				t.Errorf("once it flows %s is on its way, want %s", label[got], view.layers[c.given].label)
			}
		})
	}
}

func TestConfine_ChoosesLayersThatFitTogetherAndLeavesEachItsSmallest(t *testing.T) {
	three, one := []int{200, 700, 1700}, []int{2000}
	claims := func(layers ...[]int) (all []bandwidth.Request) {
		for _, l := range layers {
			all = append(all, bandwidth.Request{Bitrates: l, MaxLayer: len(l) - 1, Current: bandwidth.NoLayer})
		}
		return all
	}
	for _, c := range []struct {
		says   string
		most   int
		claims []bandwidth.Request
		want   []int
	}{
		{"all fit", 4000, claims(three, three), []int{2, 2}},
		{"one more than the other", 3000, claims(three, three), []int{2, 1}},
		{"both in the middle", 1600, claims(three, three), []int{1, 1}},
		{"less than the smallest", 100, claims(three, three), []int{0, 0}},
		{"one without layers takes its share", 2300, claims(one, three), []int{0, 0}},
		{"and more than there is", 1000, claims(one, three), []int{0, 0}},
		{"and leaves some", 3000, claims(one, three), []int{0, 1}},
	} {
		t.Run(c.says, func(t *testing.T) {
			capRequests(c.most, c.claims)
			for i, want := range c.want {
				if c.claims[i].MaxLayer != want {
					t.Errorf("of publisher %d layer %d may flow, want %d", i, c.claims[i].MaxLayer, want)
				}
			}
		})
	}
}
