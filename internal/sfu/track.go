package sfu

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// A Track is one medium of a Publisher. All its subscribers know it by the same SSRCs: each
// has keys of its own, so nothing is given away and packets need not differ.
type Track struct {
	publisher *Publisher
	kind      media.Kind
	codec     media.Codec
	payload   sdp.Payload // as negotiated with the publisher
	ids       extensionIDs
	layers    []*Layer // in the order of the offer
	ssrc, rtx uint32   // on the subscribers' side

	view atomic.Pointer[trackView] // what other threads may know

	tapCount     atomic.Int32  // Sinks
	unusedLayers atomic.Uint32 // layerSet, of the allotter
	unusedTimers unusedTimer   // the allotter's own
}

// extensionIDs are the header extension ids negotiated with a publisher, 0 for none.
type extensionIDs struct{ mid, rid, repaired, level, transport, sent uint8 }

// trackView is a picture of the track's layers at one moment.
type trackView struct {
	layers []layerView // that flow, or would if they were watched; smallest first
}

type layerView struct {
	index    int8
	label    string
	width    int
	height   int
	bitrate  int
	smoothed int // the same over some seconds: keyframes don't move it
	fps      float64
	active   bool
}

func newTrack(p *Publisher, s *sdp.Section, a *sdp.AnswerSection) *Track {
	kind := a.Payload.Codec.Kind()
	// All of a publisher's goes under one key: no two streams of it may have one SSRC.
	ssrc := rand.Uint32()&^7 | uint32(kind)<<2 | 1
	t := &Track{
		publisher: p, kind: kind, codec: a.Payload.Codec, payload: a.Payload,
		ssrc: ssrc, rtx: ssrc | 2,
		ids: extensionIDs{
			mid: a.Extensions[sdp.ExtMID], rid: a.Extensions[sdp.ExtRID], repaired: a.Extensions[sdp.ExtRepairedRID],
			level: a.Extensions[sdp.ExtAudioLevel], transport: a.Extensions[sdp.ExtTransportCC], sent: a.Extensions[sdp.ExtAbsSendTime],
		},
	}
	labels := s.RIDs
	if len(labels) == 0 {
		labels = []string{""}
	}
	for i, label := range labels {
		t.layers = append(t.layers, newLayer(t, int8(i), label))
	}
	if len(t.layers) == 1 {
		t.bindAnnounced(s)
	}
	t.view.Store(&trackView{})
	return t
}

// announced binds a single layer to the SSRC that the offer names.
func (t *Track) bindAnnounced(s *sdp.Section) {
	for _, ssrc := range s.SSRCs {
		if _, repairs := s.RepairedSSRC[ssrc]; repairs {
			continue
		}
		t.publisher.sources = append(t.publisher.sources, source{ssrc: ssrc, layer: t.layers[0]})
		for repair, primary := range s.RepairedSSRC {
			if primary == ssrc {
				t.publisher.sources = append(t.publisher.sources, source{ssrc: repair, layer: t.layers[0], repair: true})
			}
		}
		return
	}
}

func (t *Track) simulcast() bool { return len(t.layers) > 1 }

// carries tells whether a payload type is that of the track's medium, alone or redundant.
func (t *Track) hasPayloadType(pt uint8) bool {
	return pt == t.payload.Type || pt == t.payload.RED && t.payload.RED != 0
}

func (t *Track) layerIndex(label string) (int8, bool) {
	i := slices.IndexFunc(t.layers, func(l *Layer) bool { return l.label == label })
	return int8(i), i >= 0
}

func (t *Track) label(index int8) string {
	if index < 0 || int(index) >= len(t.layers) {
		return ""
	}
	return t.layers[index].label
}

// survey measures the layers, renews the view and reports whether layers or their sizes
// changed.
func (t *Track) measure(now time.Duration) bool {
	v := &trackView{}
	unwatched, flows := layerSet(t.unusedLayers.Load()), false
	for _, l := range t.layers {
		known, frozen := l.unused.update(now, unwatched.has(l.index), l.isActive(now))
		l.rate.update(now, frozen)
		active := l.isActive(now)
		if active || known && l.rate.smoothed > 0 {
			v.layers = append(v.layers, layerView{l.index, l.label, l.width, l.height, l.rate.bitrate, l.rate.smoothed, l.rate.fps, active})
		}
		flows = flows || active
	}
	if !flows {
		v.layers = nil
	}
	slices.SortStableFunc(v.layers, func(a, b layerView) int {
		if a.width*a.height != b.width*b.height && a.width > 0 && b.width > 0 {
			return a.width*a.height - b.width*b.height
		}
		return a.smoothed - b.smoothed
	})
	old := t.view.Swap(v)
	if len(old.layers) != len(v.layers) {
		return true
	}
	for i := range v.layers {
		a, b := old.layers[i], v.layers[i]
		if a.index != b.index || a.width != b.width || a.height != b.height {
			return true
		}
	}
	return false
}

// infos tells viewers what they can have. A layer that is left out while nobody watches it
// is to be had, at the rate it last was of: whoever asks gets it.
func (v *trackView) layerInfos() []LayerInfo {
	all := make([]LayerInfo, len(v.layers))
	for i, l := range v.layers {
		all[i] = LayerInfo{l.label, l.width, l.height, l.bitrate, l.fps, true}
		if !l.active {
			all[i].Bitrate = l.smoothed
		}
	}
	return all
}
