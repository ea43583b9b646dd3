package sfu

import (
	"slices"
	"time"

	"rostrum/internal/sdp"
)

const (
	maxSources          = 16              // SSRCs bound to layers
	maxUnknownSSRCs     = 16              // further SSRCs that may try to bind
	sourceTakeoverAfter = 2 * time.Second // of silence, after which another SSRC may take a layer over
	restartAfterOld     = 32              // too old packets in a row: the numbers have started anew
)

// source is one SSRC of a publisher, and the layer that it sends or retransmits.
type source struct {
	ssrc        uint32
	layer       *Layer
	repair      bool // for retransmissions
	active      bool
	tooOldInRow uint8
}

// sourceTable is the SSRCs of one publisher.
type sourceTable struct {
	sources      []source
	unknownSSRCs []uint32 // that tried to bind to a layer
}

// bindAnnounced binds the single layer of a track to the SSRC that the offer announces.
func (s *sourceTable) bindAnnounced(t *Track, section *sdp.Section) {
	if t.simulcast() {
		return
	}
	for _, ssrc := range section.SSRCs {
		if _, repairs := section.RepairedSSRC[ssrc]; repairs {
			continue
		}
		s.sources = append(s.sources, source{ssrc: ssrc, layer: t.layers[0]})
		for repair, primary := range section.RepairedSSRC {
			if primary == ssrc {
				s.sources = append(s.sources, source{ssrc: repair, layer: t.layers[0], repair: true})
			}
		}
		return
	}
}

func (s *sourceTable) source(ssrc uint32) *source {
	for i := range s.sources {
		if s.sources[i].ssrc == ssrc {
			return &s.sources[i]
		}
	}
	return nil
}

// activeSSRC returns an SSRC that was received, 0 if none was.
func (s *sourceTable) activeSSRC() uint32 {
	for i := range s.sources {
		if s.sources[i].active {
			return s.sources[i].ssrc
		}
	}
	return 0
}

// mayBind bounds the SSRCs whose packets are decrypted to see where they belong: each takes
// memory for good.
func (s *sourceTable) mayBind(ssrc uint32) bool {
	if slices.Contains(s.unknownSSRCs, ssrc) {
		return true
	}
	if len(s.unknownSSRCs) >= maxUnknownSSRCs {
		return false
	}
	s.unknownSSRCs = append(s.unknownSSRCs, ssrc)
	return true
}

// bind finds the layer that a new SSRC belongs to: by RID (RFC 8852), by announcement, or as
// the only one of its payload type (RFC 8843 §9.2).
func (s *sourceTable) bind(tracks []*Track, h *rtpHeader, plain []byte, now time.Duration) *source {
	for _, t := range tracks {
		if l := t.layerByRID(h.extension(plain, t.ids.rid)); l != nil && t.hasPayloadType(h.payloadType) {
			return s.assign(h, l, false, now)
		}
		if l := t.layerByRID(h.extension(plain, t.ids.repairedRID)); l != nil && h.payloadType == t.payload.RTX {
			return s.assign(h, l, true, now)
		}
	}
	if from := s.source(h.ssrc); from != nil {
		if !from.repair {
			from.layer.restart(h.sequence, h.timestamp, now)
		}
		return from
	}
	for _, t := range tracks {
		if t.simulcast() {
			continue
		}
		if t.hasPayloadType(h.payloadType) {
			return s.assign(h, t.layers[0], false, now)
		}
		if t.payload.RTX != 0 && h.payloadType == t.payload.RTX {
			return s.assign(h, t.layers[0], true, now)
		}
	}
	return nil
}

// assign binds a layer to an SSRC, unless an active one has it.
func (s *sourceTable) assign(h *rtpHeader, l *Layer, repair bool, now time.Duration) *source {
	for i := range s.sources {
		have := &s.sources[i]
		if have.layer != l || have.repair != repair {
			continue
		}
		if have.ssrc != h.ssrc && have.active && !repair && now-l.lastSeen < sourceTakeoverAfter {
			return nil
		}
		if !repair {
			l.restart(h.sequence, h.timestamp, now)
		}
		have.ssrc = h.ssrc
		return have
	}
	if len(s.sources) >= maxSources {
		return nil
	}
	s.sources = append(s.sources, source{ssrc: h.ssrc, layer: l, repair: repair})
	return &s.sources[len(s.sources)-1]
}
