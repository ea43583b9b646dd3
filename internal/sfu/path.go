package sfu

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
)

// maxUnreportedProbes is the number of probe clusters in a row without a report after which
// the receiver counts as one that ignores probes.
const maxUnreportedProbes = 3

// path is the network path to one viewer, which all its transports share. They are on several
// shards, so their reports meet here under a lock: about twenty times per second and
// transport, never per packet.
type path struct {
	mu               sync.Mutex           // guards what follows
	estimator        *bandwidth.Estimator // nil before the first report
	prober           bandwidth.Prober
	unreportedProbes int

	estimate    atomic.Int64 // bitrate, 0 while unknown
	probeTarget atomic.Int64 // bitrate at which some subscription would get more, 0 if none would
}

// unknownPath is the estimator of the paths without reports. Nothing changes it. Receivers of
// one layer send none, and a Viewer of them needs no estimator of its own.
var unknownPath bandwidth.Estimator

// addFeedback adds the report of one transport. reportLost says that a report before it was
// lost; average is the bitrate of the transport's video. It returns how fast bursts may leave,
// and whether there is a standing queue on the path.
func (p *path) addFeedback(now time.Duration, d *bandwidth.DelayTracker, acks []bandwidth.Ack, reportLost bool, average int) (pacing int, congested bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.estimator == nil {
		p.estimator = new(bandwidth.Estimator)
	}
	for i := range acks {
		if acks[i].Cluster != 0 && !acks[i].Lost {
			p.unreportedProbes = 0
		}
	}
	p.estimator.SetProbesIgnored(p.unreportedProbes >= maxUnreportedProbes)
	if i := slices.IndexFunc(acks, func(a bandwidth.Ack) bool { return !a.Lost }); reportLost && i >= 0 {
		p.estimator.ReportLost(d, acks[i])
	}
	p.estimator.AddFeedback(now, d, acks)
	if estimate, known := p.estimator.Bitrate(); known {
		p.estimate.Store(int64(estimate))
	}
	return bandwidth.PacingBitrate(p.estimator, average), p.estimator.Congested()
}

// pacingBitrate returns how fast bursts may leave before anything was reported.
func (p *path) pacingBitrate(average int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bandwidth.PacingBitrate(cmp.Or(p.estimator, &unknownPath), average)
}

// nextProbe reports whether to send a probe cluster now, and at which bitrate.
func (p *path) nextProbe(now time.Duration) (bitrate int, ok bool) {
	target := int(p.probeTarget.Load())
	if target == 0 {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if bitrate, ok = p.prober.Next(now, cmp.Or(p.estimator, &unknownPath), target); ok {
		p.unreportedProbes++
	}
	return bitrate, ok
}
