package sfu

import (
	"time"

	"rostrum/internal/sdp"
)

const (
	// unusedAfter is how long a layer must be unused before its publisher is told, so that a
	// viewer who comes back soon finds it flowing.
	unusedAfter = 5 * time.Second

	// layerChangeGrace is how long a publisher may take to start or stop a layer. Within that
	// time measurements say nothing about the layer, and one that was requested again counts
	// as available.
	layerChangeGrace = 3 * time.Second
)

// layerSet has a bit for each layer of a track, by its index.
type layerSet uint32

func (s layerSet) has(layer int8) bool { return layer >= 0 && s>>layer&1 == 1 }

func (s *layerSet) add(layer int8) {
	if layer >= 0 {
		*s |= 1 << layer
	}
}

// unusedTimer finds the layers of one track that need not be sent (dynacast): for a while,
// no viewer has used them or a better one. A layer below a used one costs little and is
// needed at once when a path narrows, the publisher's path included. The smallest layer is
// always needed, for the next viewer. The zero value is ready to use.
type unusedTimer struct {
	since [sdp.MaxLayers]time.Duration // when each became unused; 0 while it is used
}

// update returns the layers that need not be sent. layers are those that the publisher sends
// or would send again, the smallest first.
func (t *unusedTimer) update(now time.Duration, layers []layerView, used layerSet) (unused layerSet) {
	var idle layerSet
	for k := len(layers) - 1; k > 0 && !used.has(layers[k].index); k-- {
		idle.add(layers[k].index)
	}
	for layer := range t.since {
		switch since := &t.since[layer]; {
		case !idle.has(int8(layer)):
			*since = 0
		case *since == 0:
			*since = now
		case now-*since >= unusedAfter:
			unused.add(int8(layer))
		}
	}
	return unused
}

// unusedState is what a layer's shard knows about its use.
type unusedState struct {
	unused    bool
	changedAt time.Duration // 0 if it never changed
}

// update takes over the allocator's decision. available reports that viewers can have the
// layer although it is not sent; frozen, that its bitrate must not be measured now.
func (s *unusedState) update(now time.Duration, unused, active bool) (available, frozen bool) {
	if unused != s.unused {
		s.unused, s.changedAt = unused, now
	}
	changing := s.changedAt != 0 && now-s.changedAt < layerChangeGrace
	return unused || changing, changing || unused && !active
}
