package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
)

// A path is the way to one viewer, which all its transports share. They live on several
// shards, so their reports meet here under a lock: some twenty times a second and transport,
// never per packet.
type path struct {
	mu               sync.Mutex // guards what follows
	estimator        bandwidth.Estimator
	prober           bandwidth.Prober
	unreportedProbes int // trains since one was last reported

	estimate    atomic.Int64 // bits a second, 0 while unknown
	probeTarget atomic.Int64 // bits a second at which somebody would get more, 0 if nobody would
}

// feedback takes what one transport reports, and returns how fast its bursts may leave when
// its picture needs flow bits a second on average, and whether a queue stands on the path.
// missed tells that a report before this one was lost.
func (p *path) addFeedback(now time.Duration, d *bandwidth.DelayTracker, acks []bandwidth.Ack, missed bool, flow int) (pace int, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range acks {
		if acks[i].Cluster != 0 && !acks[i].Lost {
			p.unreportedProbes = 0
		}
	}
	p.estimator.SetProbesIgnored(p.unreportedProbes >= maxUnreportedProbes)
	if i := slices.IndexFunc(acks, func(a bandwidth.Ack) bool { return !a.Lost }); missed && i >= 0 {
		p.estimator.ReportLost(d, acks[i])
	}
	p.estimator.AddFeedback(now, d, acks)
	if bps, known := p.estimator.Bitrate(); known {
		p.estimate.Store(int64(bps))
	}
	return bandwidth.PacingBitrate(&p.estimator, flow), p.estimator.Congested()
}

// pace is how fast bursts may leave before anything was reported.
func (p *path) pacingBitrate(flow int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bandwidth.PacingBitrate(&p.estimator, flow)
}

// blindAfter is how many trains in a row a receiver must have said nothing about, to be
// taken for one that doesn't count them.
const maxUnreportedProbes = 3

// due tells whether to send a train now, and how fast.
func (p *path) nextProbe(now time.Duration) (bps int, ok bool) {
	need := int(p.probeTarget.Load())
	if need == 0 {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if bps, ok = p.prober.Next(now, &p.estimator, need); ok {
		p.unreportedProbes++
	}
	return bps, ok
}
