package sfu

import "rostrum/internal/media"

// largeBurst is the number of packets for one subscriber beyond which a burst is paced.
const largeBurst = 64

// forward sends a burst: packet by packet it is encrypted into the shard's send buffer, and
// sent in GSO batches.
func (s *Subscriber) forward(sh *shard, packets []media.Packet) {
	route := s.transport.sendRoute(sh)
	if route == nil {
		return
	}
	sh.out.setRoute(route)
	for i := range packets {
		p := &packets[i]
		u := s.subs[0]
		if u.codec != p.Codec {
			if len(s.subs) == 1 {
				continue
			}
			if u = s.subs[1]; u.codec != p.Codec {
				continue
			}
		}
		if f := &u.forwarder; p.Layer == f.current && p.Sequence > f.newestReceived {
			switch {
			case u.catchingUp && p.Sequence >= u.catchUpNext:
				continue // sent when the catch-up reaches it
			case !u.catchingUp && (i == 0 && len(packets) > largeBurst || !u.paceAllows(sh, p)):
				u.catchUp(sh, p.Sequence)
				continue
			}
		}
		if u.forwarder.AwaitsSwitch(p) && u.track.kind == media.Video {
			sh.drops[u.forwarder.dropReason(p)]++
			u.switchLayer(sh, p)
			continue
		}
		before := u.forwarder.current
		u.forwardPacket(sh, p)
		if u.forwarder.current != before && u.reordered(p, packets[i+1:]) {
			u.catchUp(sh, p.Sequence+1)
		}
	}
	sh.out.flush()
}

// schedulePaced makes the shard call sendPaced until nothing is left to send.
func (s *Subscriber) schedulePaced(sh *shard) {
	if !s.onPacingList {
		s.onPacingList = true
		sh.paced = append(sh.paced, s)
	}
}

// sendPaced sends the next packets of what the subscriber is behind, and of a probe cluster.
// It reports whether there is more to send.
func (s *Subscriber) sendPaced(sh *shard) bool {
	route := s.transport.sendRoute(sh)
	if s.fanOut == nil || route == nil || s.transport.ended.Load() {
		s.onPacingList = false
		return false
	}
	sh.out.setRoute(route)
	more := false
	for _, u := range s.subs {
		u.continueCatchUp(sh)
		more = more || u.catchingUp
	}
	more = s.sendProbe(sh) || more
	sh.out.flush()
	s.onPacingList = more
	return more
}

// startProbe starts a probe cluster if one is due: padding, sent as retransmissions, which
// receivers ignore. How fast it arrives shows what the path carries beyond what flows.
func (s *Subscriber) startProbe(sh *shard) {
	video := s.subscription(media.Video)
	if video != nil && video.hasRTX && s.sender.startProbe(sh.now, &s.viewer.path) {
		s.schedulePaced(sh)
	}
}

// sendProbe sends what is missing from the probe cluster by now. It reports false when the
// cluster has ended.
func (s *Subscriber) sendProbe(sh *shard) bool {
	c := &s.sender.probe
	if sh.now >= c.endsAt {
		return false
	}
	video := s.subscription(media.Video)
	for c.missing(sh.now) > 0 {
		before := c.sent
		if video.sendPadding(sh); c.sent == before {
			return false
		}
	}
	return true
}
