package loadtest

import (
	"slices"
	"time"
)

// A Report is the result of a Run. Times are in milliseconds. Figures of the server's
// process are nil where it is unknown. It is one record of plain figures, so it has
// more fields than usual.
type Report struct {
	Publishers    int      `json:"publishers"`
	Viewers       int      `json:"viewers"`       // that were added
	Subscriptions int      `json:"subscriptions"` // that received media
	Failures      []string `json:"failures,omitempty"`
	Seconds       float64  `json:"seconds"`
	Packets       float64  `json:"packetsPerSecond"` // received by all
	Bits          float64  `json:"bitsPerSecond"`
	Pictures      float64  `json:"picturesPerSecond"` // of one subscription
	Lost          float64  `json:"lossRatio"`         // that did not arrive in order
	Missing       float64  `json:"missingRatio"`      // that were not retransmitted either
	Overflowed    float64  `json:"overflowRatio"`     // that the receiving sockets dropped: the load test was too slow
	Retransmitted float64  `json:"retransmissionRatio"`

	Latency      Spread `json:"latencyMs"`      // from sending to receiving a picture's first packet
	AudioLatency Spread `json:"audioLatencyMs"` // of encoders: from sending the end of noise to receiving it
	FirstPacket  Spread `json:"firstPacketMs"`
	FirstPicture Spread `json:"firstPictureMs"` // from offer to the end of the first keyframe

	Cores     *float64 `json:"serverCores,omitempty"`           // used by the server
	PerPacket *float64 `json:"cpuMicrosPerPacket,omitempty"`    // of a forwarded packet
	PerViewer *float64 `json:"cpuMillisPerViewer,omitempty"`    // for a second and viewer
	Memory    *float64 `json:"kibPerSubscription,omitempty"`    // resident, more than without viewers
	Resident  *float64 `json:"serverResidentMibytes,omitempty"` // at the end
	Own       *float64 `json:"ownCores,omitempty"`              // used by the load test

	ServerStalls *Stalls  `json:"serverHalts,omitempty"` // of the processors that the server may run on
	OwnStalls    *Stalls  `json:"ownHalts,omitempty"`    // of the processors that the load test may run on
	Stolen       *float64 `json:"stolenMs,omitempty"`    // by the hypervisor
}

// Stalls are times in which processors ran nothing that is measured, regardless of its
// priority: long system calls of other processes, or the 50 ms that the kernel withholds from
// real-time threads each second. Times are in milliseconds.
type Stalls struct {
	Times   int     `json:"times"`
	Sum     float64 `json:"sumMs"`
	Longest float64 `json:"longestMs"`
}

// A Spread is the distribution of values, in milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spread(all []time.Duration) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(len(all)-1, int(q*float64(len(all))))].Microseconds()) / 1000
	}
	return Spread{at(0.5), at(0.95), at(0.99), at(1)}
}

// JoinTimes are the times to the first packet and to the first picture.
func JoinTimes(all []ReceiverStats) (packet, picture Spread) {
	var packets, pictures []time.Duration
	for _, t := range all {
		if t.FirstPacket > 0 {
			packets = append(packets, t.FirstPacket)
		}
		if t.FirstPicture > 0 {
			pictures = append(pictures, t.FirstPicture)
		}
	}
	return spread(packets), spread(pictures)
}

func summarize(all []ReceiverStats, took time.Duration) Report {
	rep := Report{Seconds: took.Seconds()}
	var sum ReceiverStats
	for _, t := range all {
		if t.Packets > 0 {
			rep.Subscriptions++
		}
		sum.Packets, sum.Bytes, sum.Frames = sum.Packets+t.Packets, sum.Bytes+t.Bytes, sum.Frames+t.Frames
		sum.Lost, sum.Missing, sum.Retransmitted = sum.Lost+t.Lost, sum.Missing+t.Missing, sum.Retransmitted+t.Retransmitted
		sum.Overflowed += t.Overflowed
		sum.Latencies = append(sum.Latencies, t.Latencies...)
		sum.AudioLatencies = append(sum.AudioLatencies, t.AudioLatencies...)
	}
	rep.Packets, rep.Bits = float64(sum.Packets)/took.Seconds(), float64(8*sum.Bytes)/took.Seconds()
	if sum.Packets > 0 {
		all := float64(sum.Packets + sum.Lost)
		rep.Lost, rep.Missing, rep.Overflowed = float64(sum.Lost)/all, float64(sum.Missing)/all, float64(sum.Overflowed)/all
		rep.Retransmitted = float64(sum.Retransmitted) / float64(sum.Packets)
		rep.Pictures = float64(sum.Frames) / took.Seconds() / float64(rep.Subscriptions)
	}
	rep.Latency, rep.AudioLatency = spread(sum.Latencies), spread(sum.AudioLatencies)
	rep.FirstPacket, rep.FirstPicture = JoinTimes(all)
	return rep
}

// usage is the CPU time and memory of a process.
type usage struct {
	known    bool
	cpu      time.Duration
	resident int64 // bytes
}

// use adds the server's usage: before there were viewers, and from the beginning to the end
// of the measurement.
func (rep *Report) use(before, from, to usage) {
	if !before.known || !from.known || !to.known || rep.Seconds == 0 {
		return
	}
	cores := (to.cpu - from.cpu).Seconds() / rep.Seconds
	resident := float64(to.resident) / (1 << 20)
	rep.Cores, rep.Resident = &cores, &resident
	if rep.Subscriptions == 0 || rep.Packets == 0 {
		return
	}
	perPacket := cores / rep.Packets * 1e6
	perViewer := cores * float64(rep.Publishers) / float64(rep.Subscriptions) * 1e3 // of the joined ones
	memory := float64(to.resident-before.resident) / 1024 / float64(rep.Subscriptions)
	rep.PerPacket, rep.PerViewer, rep.Memory = &perPacket, &perViewer, &memory
}
