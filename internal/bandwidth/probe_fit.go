package bandwidth

import "time"

const (
	minProbePackets = 8
	probeMargin     = 0.95 // of a probe that reached the capacity
)

// probeFit measures the capacity of a path from one probe cluster: the slope of a linear
// regression through arrival times over bytes is the time that the path takes for a byte.
type probeFit struct {
	cluster             uint32
	packets             int
	firstSent, lastSent time.Duration
	firstArrived        time.Duration
	bytes               float64
	x, y, xx, xy        float64 // sums over bytes and arrival times
}

func (f *probeFit) add(a Ack) {
	if a.Cluster == 0 {
		return
	}
	if a.Cluster != f.cluster {
		// The first packet is the origin.
		*f = probeFit{cluster: a.Cluster, packets: 1, firstSent: a.Sent, lastSent: a.Sent, firstArrived: a.Arrived}
		return
	}
	f.packets++
	f.lastSent = max(f.lastSent, a.Sent)
	f.bytes += float64(a.Size)
	y := float64(a.Arrived - f.firstArrived)
	f.x, f.y, f.xx, f.xy = f.x+f.bytes, f.y+y, f.xx+f.bytes*f.bytes, f.xy+f.bytes*y
}

// result returns the measured bitrate when a is the first packet after the cluster.
func (f *probeFit) result(a Ack) (measured float64, ok bool) {
	if f.cluster == 0 || a.Cluster == f.cluster || a.Sent <= f.lastSent {
		return 0, false
	}
	n, enough := float64(f.packets), f.packets >= minProbePackets
	sent := f.bytes * 8 / max(f.lastSent-f.firstSent, time.Millisecond).Seconds()
	slope := (n*f.xy - f.x*f.y) / (n*f.xx - f.x*f.x) // ns per byte
	*f = probeFit{}
	switch {
	case !enough:
		return 0, false
	case !(slope > 0) || 8e9/slope > 0.9*sent:
		return sent, true // the path kept up with the probe
	}
	return 8e9 / slope * probeMargin, true
}

const (
	burstDuration   = time.Millisecond
	minBurstPackets = 10
)

// burstFit measures how fast packets that were sent at once leave the path.
type burstFit struct {
	sent, first, last time.Duration
	bytes, packets    int
}

// add returns the bitrate at which the burst so far arrived, once it has enough packets.
func (b *burstFit) add(a Ack) (measured float64, ok bool) {
	if b.packets == 0 || a.Sent-b.sent > burstDuration || a.Sent < b.sent {
		*b = burstFit{sent: a.Sent, first: a.Arrived, last: a.Arrived, packets: 1}
		return 0, false
	}
	b.last, b.bytes, b.packets = max(b.last, a.Arrived), b.bytes+a.Size, b.packets+1
	if b.packets < minBurstPackets {
		return 0, false
	}
	// Receivers report arrival times in units of 0.25 ms: shorter times say nothing.
	return bitrate(b.bytes, max(b.last-b.first, time.Millisecond)), true
}
