package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

// negligibleLoss is the share of lost packets up to which one keyframe should help a viewer.
const negligibleLoss = 0.01

// receiveMedia drops what a viewer sends.
func (s *Subscriber) receiveMedia(sh *shard, _ []byte) { sh.drops[UnknownSource]++ }

// receiveRTCP handles a viewer's reports about what it receives.
func (s *Subscriber) receiveRTCP(sh *shard, packet rtcp.Packet) {
	switch r := packet.(type) {
	case *rtcp.TransportLayerNack:
		if u := s.bySSRC(r.MediaSSRC); u != nil {
			u.receiveNACK(sh, r.Nacks)
		}
	case *rtcp.PictureLossIndication:
		s.requestKeyframe(r.MediaSSRC, sh.now)
	case *rtcp.FullIntraRequest:
		for _, f := range r.FIR {
			s.requestKeyframe(f.SSRC, sh.now)
		}
	case *rtcp.ReceiverReport:
		s.receiveReceptionReports(sh, r.Reports)
	case *rtcp.SenderReport:
		s.receiveReceptionReports(sh, r.Reports)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		s.sender.addREMB(r.Bitrate)
	case *rtcp.TransportLayerCC:
		before := s.viewer.path.estimate.Load()
		sh.acks = s.sender.addFeedback(sh.now, r, &s.viewer.path, s.videoBitrate(), sh.acks)
		if s.viewer.path.estimate.Load() < before*3/4 {
			s.viewer.allocateSoon()
		}
	case *rtcp.Goodbye:
		// A viewer sends nothing that could end. DTLS or DELETE say that it leaves.
	}
}

// videoBitrate returns the average bitrate of the target layer of the video.
func (s *Subscriber) videoBitrate() int {
	if video := s.subscription(media.Video); video != nil {
		return video.track.view.Load().smoothedBitrate(video.forwarder.target)
	}
	return 0
}

// requestKeyframe records a viewer's request for a keyframe. The layer's shard requests
// keyframes from the publisher at a limited rate, so that no viewer controls the encoder. A
// viewer that misses no packets and still requests keyframes cannot decode them: its requests
// are taken at growing intervals, because all other viewers pay for them.
func (s *Subscriber) requestKeyframe(ssrc uint32, now time.Duration) {
	u := s.bySSRC(ssrc)
	if u == nil || u.track.kind != media.Video {
		return
	}
	u.counts.plis++
	u.viewerLacksPicture()
	if u.received.loss > negligibleLoss || u.counts.nacks != u.nacksBefore {
		u.viewerRequests.helped()
	}
	u.nacksBefore = u.counts.nacks
	if u.viewerRequests.take(now) {
		u.wantKeyframe()
	}
}

// receiveReceptionReports handles the reports on what was sent to the viewer.
func (s *Subscriber) receiveReceptionReports(sh *shard, reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		u := s.bySSRC(r.SSRC)
		if u == nil {
			continue
		}
		if sample, ok := u.sentReports.roundTrip(sh.now, r); ok {
			s.transport.updateRoundTrip(sample)
		}
		packets := u.received.record(r)
		if u.track.kind == media.Video || len(s.subs) == 1 {
			s.sender.addLossReport(sh.now, float64(r.FractionLost)/256, packets, int(u.sentBitrate.Load()), !u.track.simulcast())
		}
	}
}

// tickSlow does the periodic work, ten times per second.
func (s *Subscriber) tickSlow(sh *shard) {
	if s.fanOut == nil {
		return
	}
	s.applyTargets(sh)
	for _, u := range s.subs {
		u.tick(sh)
		if u.catchingUp { // also after a time in which nothing might be sent
			s.schedulePaced(sh)
		}
	}
	s.sender.tick(&s.viewer.path, s.videoBitrate())
	s.startProbe(sh)
}

// applyTargets applies what the allocator decided.
func (s *Subscriber) applyTargets(sh *shard) {
	if s.fanOut == nil {
		return
	}
	for _, u := range s.subs {
		u.applyTarget(sh)
	}
}

// allocateAudio decides about the audio, which always flows unless the viewer does not want
// it. It returns its bitrate. It runs in the allocator.
func (s *Subscriber) allocateAudio(c Choice) (bitrate int) {
	audio := s.subscription(media.Audio)
	switch {
	case audio == nil:
		return 0
	case c.NoAudio:
		audio.setTarget(NoLayer, PausedByChoice)
		return 0
	}
	audio.setTarget(0, NotPaused)
	return int(audio.sentBitrate.Load())
}
