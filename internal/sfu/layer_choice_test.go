package sfu

import (
	"slices"
	"testing"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

var labelledLayers = []layerView{
	{index: 2, label: "low", bitrate: 190_000, smoothed: 200_000, active: true},
	{index: 0, label: "mid", bitrate: 690_000, smoothed: 700_000, active: true},
	{index: 1, label: "hi", bitrate: 1_690_000, smoothed: 1_700_000, active: true},
}

// pausing returns the three layers, of which some are not sent now.
func pausing(labels ...string) *trackView {
	view := &trackView{layers: slices.Clone(labelledLayers)}
	for i := range view.layers {
		view.layers[i].active = !slices.Contains(labels, view.layers[i].label)
	}
	return view
}

// watching returns the subscriber of a publisher with three layers, on a shard that runs
// nothing, with its video and its audio.
func watching(v *Viewer, c Choice) (s *Subscriber, video, audio *Subscription) {
	p := &Publisher{}
	s = &Subscriber{viewer: v, publisher: p, transport: &Transport{}}
	s.transport.shard.Store(&shard{})
	s.choice.Store(&c)
	subscription := func(kind media.Kind) *Subscription {
		u := &Subscription{subscriber: s, track: &Track{publisher: p, kind: kind}, outgoingFormat: outgoingFormat{twccExtension: 5}}
		u.setTarget(NoLayer, PausedNoLayer)
		s.subs = append(s.subs, u)
		return u
	}
	audio, video = subscription(media.Audio), subscription(media.Video)
	video.track.view.Store(pausing())
	v.subscribers = append(v.subscribers, s)
	return s, video, audio
}

// changed reports whether the shard was told to apply targets.
func changed(s *Subscriber) bool { return len(s.transport.shard.Load().tasks.takeAll()) > 0 }

func TestLayerChoice_AsksForAllLayersUpToTheWanted(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name    string
		choice  string
		target  int8
		failed  int // a layer that failed just now, if not 0
		speaker bool
		want    bandwidth.Request
	}{
		{"any layer", "", NoLayer, 0, false, bandwidth.Request{MaxLayer: 2, Current: bandwidth.NoLayer}},
		{"the layer in the middle", "mid", NoLayer, 0, false, bandwidth.Request{MaxLayer: 1, Current: bandwidth.NoLayer}},
		{"the smallest", "low", NoLayer, 0, false, bandwidth.Request{MaxLayer: 0, Current: bandwidth.NoLayer}},
		{"one that is not sent", "huge", NoLayer, 0, false, bandwidth.Request{MaxLayer: 2, Current: bandwidth.NoLayer}},
		{"the largest flows", "", 1, 0, false, bandwidth.Request{MaxLayer: 2, Current: 2}},
		{"the smallest flows", "", 2, 0, false, bandwidth.Request{MaxLayer: 2, Current: 0}},
		{"the largest failed", "", 0, 2, false, bandwidth.Request{MaxLayer: 1, Current: 1}},
		{"of who speaks", "", NoLayer, 0, true, bandwidth.Request{Priority: 1, MaxLayer: 2, Current: bandwidth.NoLayer}},
	} {
		s, video, _ := watching(&Viewer{}, Choice{Layer: c.choice})
		video.setTarget(c.target, NotPaused)
		if c.failed != 0 {
			video.backoff.RecordChange(now-2, c.failed-1, c.failed)
			video.backoff.RecordChange(now-1, c.failed, c.failed-1)
		}
		var speaker *Publisher
		if c.speaker {
			speaker = s.publisher
		}
		got := video.request(now, pausing(), s.Choice(), speaker)
		if !slices.Equal(got.Bitrates, []int{200_000, 700_000, 1_700_000}) || got.Priority != c.want.Priority || got.MaxLayer != c.want.MaxLayer || got.Current != c.want.Current {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLayerChoice_SubstitutesALayerUntilTheAllocatedOneIsSent(t *testing.T) {
	for _, c := range []struct {
		name        string
		view        *trackView
		substituted bool // before
		sent        int64
		max         int
		current     int // index in the view
		layer       int // allocated, index in the view
		target      int8
		want        bool // substituted afterwards
	}{
		{"it is sent", pausing(), false, 1, 2, 1, 2, 1, false},
		{"it is sent again", pausing(), true, 1, 2, 0, 2, 1, false},
		{"an upgrade waits, the current goes on", pausing("hi"), false, 1, 2, 1, 2, 1, false},
		{"an upgrade waits, while another is substituted", pausing("hi"), true, 1, 2, 1, 2, 0, true},
		{"nothing flows yet", pausing("hi"), false, 1, 2, bandwidth.NoLayer, 2, 0, true},
		{"nothing arrived yet", pausing("hi"), false, 0, 2, 1, 2, 0, true},
		{"a downgrade that does not fit otherwise", pausing("mid"), false, 1, 2, 2, 1, 2, true},
		{"a downgrade to what is wanted", pausing("mid"), false, 1, 1, 2, 1, 0, false},
		{"a downgrade below what is wanted", pausing("low"), false, 1, 1, 2, 0, 2, true},
		{"nothing smaller is sent", pausing("low", "mid"), false, 0, 2, 2, 1, 0, true},
		{"the same layer stopped", pausing("mid"), false, 1, 2, 1, 1, 0, false},
	} {
		_, video, _ := watching(&Viewer{}, Choice{})
		video.substituted = c.substituted
		video.sentBitrate.Store(c.sent)
		video.setAllocated(c.view, &bandwidth.Request{MaxLayer: c.max, Current: c.current}, c.layer)
		if got := int8(video.target.Load()); got != c.target || video.substituted != c.want {
			t.Errorf("%s: the target is layer %d, substituted %t, want %d, %t", c.name, got, video.substituted, c.target, c.want)
		}
		if video.allocated != c.view.layers[c.layer].index || *video.reason.Load() != NotPaused {
			t.Errorf("%s: layer %d is allocated, %q", c.name, video.allocated, *video.reason.Load())
		}
	}
}

func TestLayerChoice_FitsLayersIntoTheMaximum(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		name     string
		max      int
		requests []bandwidth.Request
		want     []int
	}{
		{"all", 1_700_000, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 2}}, []int{2}},
		{"not all", 1_699_999, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 2}}, []int{1}},
		{"an upgrade, with a margin", 775_000, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 0}}, []int{1}},
		{"without it", 774_999, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 0}}, []int{0}},
		{"less than the smallest", 1, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 0}}, []int{0}},
		{"beside another", 900_000, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 1}, {Bitrates: []int{200_000}, Current: 0}}, []int{1, 0}},
		{"beside another that leaves less", 900_000, []bandwidth.Request{{Bitrates: layers, MaxLayer: 2, Current: 1}, {Bitrates: []int{200_001}, Current: 0}}, []int{0, 0}},
		{"no more than is wanted", 9_000_000, []bandwidth.Request{{Bitrates: layers, MaxLayer: 1, Current: 1}}, []int{1}},
	} {
		capRequests(c.max, c.requests)
		for i, r := range c.requests {
			if r.MaxLayer != c.want[i] {
				t.Errorf("%s: request %d gets up to layer %d, want %d", c.name, i, r.MaxLayer, c.want[i])
			}
		}
	}
	if !slices.Equal(layers, []int{200_000, 700_000, 1_700_000}) {
		t.Errorf("the bitrates of the requests became %v", layers)
	}
}

func TestLayerChoice_AvailableIsWhatIsKnownOfThePath(t *testing.T) {
	for _, c := range []struct {
		name     string
		estimate int64
		lossOnly bool
		limit    int64
		sent     int64 // of each subscription
		total    int
		known    bool
	}{
		{"nothing", 0, false, 0, 100, 0, false},
		{"an estimate", 1, false, 0, 100, 1, true},
		{"a limit by loss", 0, true, 500_000, 100, 500_000, true},
		{"a limit of one", 0, true, 1, 100, 1, true},
		{"what flows without reports", 0, true, 0, 100, 200, false},
		{"an estimate beside that", 1_000_000, true, 0, 100, 1_000_200, true},
		{"an estimate beside a limit", 1_000_000, true, 500_000, 100, 1_500_000, true},
	} {
		v := &Viewer{}
		s, video, audio := watching(v, Choice{})
		v.path.estimate.Store(c.estimate)
		s.sender.lossBitrate.Store(c.limit)
		for _, u := range []*Subscription{video, audio} {
			u.sentBitrate.Store(c.sent)
			if c.lossOnly {
				u.twccExtension = 0
			}
		}
		if total, known := v.available(v.subscriberList()); total != c.total || known != c.known {
			t.Errorf("%s: %d, known %t, want %d, %t", c.name, total, known, c.total, c.known)
		}
	}
}

func TestLayerChoice_DividesThePath(t *testing.T) {
	for _, c := range []struct {
		name     string
		choice   Choice
		estimate int64
		audio    int64
		max      int64
		view     *trackView
		target   int8
		reason   PauseReason
		probe    int64
	}{
		{"all", Choice{}, 10_000_000, 50_000, 0, pausing(), 1, NotPaused, 0},
		{"beside audio", Choice{}, 2_000_000, 50_000, 0, pausing(), 0, NotPaused, 2_005_000},
		{"just beside audio", Choice{}, 2_005_000, 50_000, 0, pausing(), 1, NotPaused, 0},
		{"without audio", Choice{NoAudio: true}, 1_955_000, 50_000, 0, pausing(), 1, NotPaused, 0},
		{"no video", Choice{NoVideo: true}, 10_000_000, 50_000, 0, pausing(), NoLayer, PausedByChoice, 0},
		{"up to a maximum", Choice{}, 10_000_000, 50_000, 825_000, pausing(), 0, NotPaused, 0},
		{"below a maximum", Choice{}, 10_000_000, 50_000, 824_999, pausing(), 2, NotPaused, 0},
		{"nothing is sent", Choice{}, 10_000_000, 50_000, 0, &trackView{}, NoLayer, PausedNoLayer, 0},
		{"nothing is known", Choice{}, 0, 50_000, 0, pausing(), 2, NotPaused, 0},
		{"nothing is known, but what is wanted", Choice{Layer: "mid"}, 0, 50_000, 0, pausing(), 0, NotPaused, 0},
	} {
		v := &Viewer{}
		s, video, audio := watching(v, c.choice)
		video.track.view.Store(c.view)
		audio.sentBitrate.Store(c.audio)
		v.path.estimate.Store(c.estimate)
		v.SetMaxBitrate(int(c.max))
		v.allocate(time.Minute, nil)
		if got, reason := int8(video.target.Load()), *video.reason.Load(); got != c.target || reason != c.reason {
			t.Errorf("%s: the target is layer %d, %q, want %d, %q", c.name, got, reason, c.target, c.reason)
		}
		if got := int8(audio.target.Load()); (got == NoLayer) != c.choice.NoAudio {
			t.Errorf("%s: the target of audio is %d", c.name, got)
		}
		if got := v.path.probeTarget.Load(); got != c.probe {
			t.Errorf("%s: %d would be needed for more, want %d", c.name, got, c.probe)
		}
		if got := changed(s); got != (c.target != NoLayer) {
			t.Errorf("%s: the shard was told of a change: %t", c.name, got)
		}
		if v.allocate(time.Minute, nil); changed(s) {
			t.Errorf("%s: the shard was told of a change, and there is none", c.name)
		}
	}
}

func TestLayerChoice_APanicEndsTheViewer(t *testing.T) {
	v := &Viewer{router: &Router{core: &core{}}}
	s, _, _ := watching(v, Choice{})
	s.transport.ended.Store(true)
	if v.allocateOrEnd(time.Minute); v.closed {
		t.Error("the viewer ended without a panic")
	}
	s.choice.Store(nil)
	if v.allocateOrEnd(time.Minute); !v.closed {
		t.Error("the viewer did not end")
	}
}

func TestLayerChoice_WithoutAnEstimate(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name     string
		choice   string
		lossOnly bool
		current  int8
		paused   bool // and not long enough
		target   int8
	}{
		{"the smallest layer at first", "", false, NoLayer, false, 2},
		{"the current layer stays", "", false, 0, false, 0},
		{"the wanted layer", "hi", false, 0, false, 1},
		{"no more than is wanted", "low", false, 0, false, 2},
		{"the largest, as nothing will be known", "", true, NoLayer, false, 1},
		{"a pause goes on", "", true, NoLayer, true, NoLayer},
		{"which such a receiver has not", "", false, NoLayer, true, 2},
	} {
		v := &Viewer{}
		_, video, _ := watching(v, Choice{Layer: c.choice})
		if c.lossOnly {
			video.twccExtension = 0
		}
		video.setTarget(c.current, NotPaused)
		if c.paused {
			video.outage = outage{pausedSince: now - 1, wait: minOutage}
		}
		if v.allocate(now, nil); int8(video.target.Load()) != c.target {
			t.Errorf("%s: the target is layer %d, want %d", c.name, video.target.Load(), c.target)
		}
	}
}

func TestLayerChoice_PausesWhenNotEvenTheSmallestFits(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name     string
		outage   outage
		lossOnly bool
		limit    int64
		current  int8
		target   int8
		reason   PauseReason
		reset    bool // of the limit
	}{
		{"not at once", outage{}, false, 0, 2, 2, NotPaused, false},
		{"not before a second", outage{shortSince: now - time.Second + 1}, false, 0, 2, 2, NotPaused, false},
		{"after a second", outage{shortSince: now - time.Second}, false, 0, 2, NoLayer, PausedByBandwidth, false},
		{"while it is paused", outage{pausedSince: now - time.Hour, wait: 1}, false, 0, NoLayer, NoLayer, PausedByBandwidth, false},
		{"until a trial", outage{pausedSince: now - 3*time.Second, wait: 3 * time.Second}, true, 10_000, NoLayer, 2, NotPaused, true},
		{"not before it", outage{pausedSince: now - 3*time.Second + 1, wait: 3 * time.Second}, true, 10_000, NoLayer, NoLayer, PausedByBandwidth, false},
		{"while it is on trial", outage{shortSince: now - time.Hour, trialUntil: now + 1}, true, 10_000, 2, 2, NotPaused, false},
		{"after the trial", outage{shortSince: now - time.Hour, trialUntil: now}, true, 10_000, 2, NoLayer, PausedByBandwidth, false},
		{"a limit that would be enough, too early", outage{pausedSince: now - 3*time.Second + 1, wait: 3 * time.Second}, true, 10_000_000, NoLayer, NoLayer, PausedByBandwidth, false},
	} {
		v := &Viewer{}
		s, video, _ := watching(v, Choice{})
		video.outage = c.outage
		video.setTarget(c.current, NotPaused)
		if c.current == NoLayer {
			video.setTarget(NoLayer, PausedByBandwidth)
		}
		if c.lossOnly {
			video.twccExtension = 0
			s.sender.lossBitrate.Store(c.limit)
		} else {
			v.path.estimate.Store(10_000)
		}
		v.allocate(now, nil)
		if got, reason := int8(video.target.Load()), *video.reason.Load(); got != c.target || reason != c.reason || s.sender.resetLossLimit.Load() != c.reset {
			t.Errorf("%s: the target is layer %d, %q, the limit is reset %t, want %d, %q, %t", c.name, got, reason, s.sender.resetLossLimit.Load(), c.target, c.reason, c.reset)
		}
	}
}

func TestLayerChoice_RemembersUpgrades(t *testing.T) {
	const now = time.Minute
	v := &Viewer{}
	_, video, _ := watching(v, Choice{})
	video.outage = outage{shortSince: 5, pausedSince: 5}
	for i, c := range []struct {
		estimate int64
		target   int8
	}{{10_000_000, 1}, {10_000_000, 1}, {1_000_000, 0}, {10_000_000, 0}} { // the upgrade failed
		v.path.estimate.Store(c.estimate)
		video.sentBitrate.Store(1)
		if v.allocate(now+time.Duration(i)*time.Second, nil); int8(video.target.Load()) != c.target {
			t.Errorf("round %d: the target is layer %d, want %d", i, video.target.Load(), c.target)
		}
	}
	if video.outage != (outage{endedAt: now}) {
		t.Errorf("the pause did not end: %+v", video.outage)
	}
}

func TestLayerChoice_WaitsLongerAfterEachFailedTrial(t *testing.T) {
	var o outage
	now := time.Hour
	for i, wait := range []time.Duration{3, 6, 12, 24, 30, 30} {
		if o.begin(now) {
			t.Errorf("pause %d begins at once", i)
		}
		now += outageConfirmTime
		for range 2 { // it begins once
			if !o.begin(now) || o.wait != wait*time.Second {
				t.Errorf("pause %d waits %v, want %d s", i, o.wait, wait)
			}
		}
		if !o.waiting(now+o.wait-1, true) || o.waiting(now+o.wait, true) || o.waiting(now, false) {
			t.Errorf("pause %d does not wait as long as it should", i)
		}
		if o.startTrial(now + o.wait - 1) {
			t.Errorf("trial %d starts before its time", i)
		}
		now += o.wait
		if !o.startTrial(now) || o.trialUntil != now+outageTrialTime || o.endedAt != now || o.waiting(now, true) || o.startTrial(now) {
			t.Errorf("trial %d does not start at its time: %+v", i, o)
		}
	}
	for _, c := range []struct{ after, wait time.Duration }{{maxOutage - outageConfirmTime, maxOutage}, {maxOutage - outageConfirmTime + 1, minOutage}} {
		again := o
		again.begin(now + c.after)
		if again.begin(now + c.after + outageConfirmTime); again.wait != c.wait {
			t.Errorf("%v after the last trial a pause waits %v, want %v", c.after, again.wait, c.wait)
		}
	}
}
