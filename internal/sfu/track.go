package sfu

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// Track is the audio or the video of a Publisher. All its subscribers receive it with the
// same SSRCs: each has keys of its own, so this reveals nothing, and packets need not differ.
type Track struct {
	publisher *Publisher
	kind      media.Kind
	coded     atomic.Uint32 // a media.Codec; see Publisher.SetVideoCodec
	payload   sdp.Payload   // as negotiated with the publisher
	ids       extensionIDs
	layers    []*Layer // in the order of the offer
	ssrc      uint32   // towards subscribers
	rtxSSRC   uint32

	view     atomic.Pointer[trackView] // for other threads
	tapCount atomic.Int32

	relayedLayers atomic.Uint32 // a layerSet: what other nodes need

	unusedLayers atomic.Uint32 // a layerSet, set by the allocator
	unusedTimers unusedTimer   // owned by the allocator
}

// extensionIDs are the header extension ids negotiated with a publisher, 0 for none.
type extensionIDs struct{ mid, rid, repairedRID, audioLevel, transportCC, absSendTime uint8 }

func newTrack(p *Publisher, s *sdp.Section, a *sdp.AnswerSection) *Track {
	kind := a.Payload.Codec.Kind()
	// A subscriber's audio and video are encrypted with one key: no two streams may have the same SSRC.
	ssrc := rand.Uint32()&^7 | uint32(kind)<<2 | 1
	t := &Track{
		publisher: p, kind: kind, payload: a.Payload,
		ssrc: ssrc, rtxSSRC: ssrc | 2,
		ids: extensionIDs{
			mid: a.Extensions[sdp.ExtMID], rid: a.Extensions[sdp.ExtRID], repairedRID: a.Extensions[sdp.ExtRepairedRID],
			audioLevel: a.Extensions[sdp.ExtAudioLevel], transportCC: a.Extensions[sdp.ExtTransportCC], absSendTime: a.Extensions[sdp.ExtAbsSendTime],
		},
	}
	t.coded.Store(uint32(a.Payload.Codec))
	labels := s.RIDs
	if len(labels) == 0 {
		labels = []string{""}
	}
	for i, label := range labels {
		t.layers = append(t.layers, newLayer(t, int8(i), label))
	}
	if t.codec() == media.H264 && !t.simulcast() { // they are those of one layer
		for _, set := range a.Payload.ParameterSets() {
			t.layers[0].sets.AddUnit(set)
		}
	}
	t.view.Store(&trackView{})
	return t
}

func (t *Track) codec() media.Codec { return media.Codec(t.coded.Load()) }

func (t *Track) simulcast() bool { return len(t.layers) > 1 }

// hasPayloadType reports whether a payload type is the track's codec or its redundant form.
func (t *Track) hasPayloadType(pt uint8) bool {
	return pt == t.payload.Type || pt == t.payload.RED && t.payload.RED != 0
}

// layerByRID returns the layer with a RID, nil if there is none.
func (t *Track) layerByRID(rid []byte) *Layer {
	if len(rid) == 0 {
		return nil
	}
	for _, l := range t.layers {
		if l.label == string(rid) {
			return l
		}
	}
	return nil
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

func (t *Track) labels() (all []string) {
	for _, l := range t.layers {
		all = append(all, l.label)
	}
	return all
}

// lastSeen returns when the latest packet of any layer arrived, 0 if none has.
func (t *Track) lastSeen() (at time.Duration) {
	for _, l := range t.layers {
		at = max(at, l.lastSeen)
	}
	return at
}

// measure measures the layers and stores a new view. It reports whether layers or their sizes
// changed.
func (t *Track) measure(now time.Duration) (changed bool) {
	v := &trackView{}
	unused, anyActive := layerSet(t.unusedLayers.Load()), false
	for _, l := range t.layers {
		available, frozen := l.unused.update(now, unused.has(l.index), l.isActive(now))
		l.rate.update(now, frozen)
		active := l.isActive(now)
		if l.offered = active || available && l.rate.smoothed > 0; l.offered {
			v.layers = append(v.layers, layerView{l.index, l.label, l.width, l.height, l.rate.bitrate, l.rate.smoothed, l.rate.fps, active})
		}
		anyActive = anyActive || active
	}
	if !anyActive {
		v.layers = nil
	}
	slices.SortStableFunc(v.layers, func(a, b layerView) int {
		if a.width*a.height != b.width*b.height && a.width > 0 && b.width > 0 {
			return a.width*a.height - b.width*b.height
		}
		return a.smoothed - b.smoothed
	})
	return !v.sameLayers(t.view.Swap(v))
}

// detectStopped finds layers that the publisher stopped sending, or sends again. It reports
// whether any was stopped. While the publisher's path is congested no layer counts as
// resumed, because what arrives was already in transit.
func (t *Track) detectStopped(now time.Duration, congested bool) (stopped bool) {
	flowing := t.view.Load().layers
	var interval time.Duration // between the frames of what is sent now, the longest
	for _, v := range flowing {
		if v.active {
			interval = max(interval, min(t.layers[v.index].frames.mean(), maxFrameInterval))
		}
	}
	for _, l := range t.layers {
		if l.stopped.since != 0 && !congested && l.stopped.resumed(&l.frames, interval) {
			l.stopped = stoppedState{}
		}
	}
	for i, v := range flowing {
		l := t.layers[v.index]
		if l.stopped.since != 0 {
			continue
		}
		for _, smaller := range flowing[:i] {
			if below := &t.layers[smaller.index].frames; l.frames.stoppedBeside(now, below) {
				l.stop(now, max(l.frames.mean(), below.mean()))
				stopped = true
				break
			}
		}
	}
	return stopped
}

// stopUnaffordable marks as stopped the layers of which less than half fits into a bitrate
// limit, beside the smaller layers: the publisher will stop them. It reports whether there
// are any.
func (t *Track) stopUnaffordable(now time.Duration, limit int) (stopped bool) {
	for i, v := range t.view.Load().layers {
		l := t.layers[v.index]
		if i > 0 && v.active && limit < v.smoothed/2 {
			l.stop(now, l.frames.mean())
			stopped = true
		}
		if v.active {
			limit -= v.smoothed
		}
	}
	return stopped
}

// stats is called on the publisher's shard.
func (t *Track) stats(now time.Duration) TrackStats {
	v := TrackStats{Kind: t.kind, Codec: t.codec()}
	for _, l := range t.layers {
		v.Layers = append(v.Layers, l.stats(now))
	}
	return v
}
