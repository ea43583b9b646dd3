package loadtest

import (
	"slices"
	"time"
)

// A Report is what a Run found. Times are in milliseconds. Figures of the server's
// process are nil where it is unknown. It is one record of plain figures, so it is
// longer than a struct should be.
type Report struct {
	Publishers    int      `json:"publishers"`
	Viewers       int      `json:"viewers"`       // that were to come
	Subscriptions int      `json:"subscriptions"` // that media came for
	Failures      []string `json:"failures,omitempty"`
	Seconds       float64  `json:"seconds"`
	Packets       float64  `json:"packetsPerSecond"` // received by all
	Bits          float64  `json:"bitsPerSecond"`
	Pictures      float64  `json:"picturesPerSecond"` // of one subscription
	Lost          float64  `json:"lossRatio"`         // that didn't come when it was their turn
	Missing       float64  `json:"missingRatio"`      // that never came
	Overflowed    float64  `json:"overflowRatio"`     // that came, but our own sockets had no room: then we were too slow
	Again         float64  `json:"retransmissionRatio"`

	Latency      Spread `json:"latencyMs"` // from sending to receiving a picture's first packet
	FirstPacket  Spread `json:"firstPacketMs"`
	FirstPicture Spread `json:"firstPictureMs"` // from offer to the end of the first keyframe

	Cores     *float64 `json:"serverCores,omitempty"`           // processors that the server kept busy
	PerPacket *float64 `json:"cpuMicrosPerPacket,omitempty"`    // of a forwarded packet
	PerViewer *float64 `json:"cpuMillisPerViewer,omitempty"`    // a second and viewer
	Memory    *float64 `json:"kibPerSubscription,omitempty"`    // resident, above that without viewers
	Resident  *float64 `json:"serverResidentMibytes,omitempty"` // at the end
	Own       *float64 `json:"ownCores,omitempty"`              // processors that the measuring itself kept busy

	ServerHalts *Halts   `json:"serverHalts,omitempty"` // of the processors that the server may run on
	OwnHalts    *Halts   `json:"ownHalts,omitempty"`    // of those that the measuring may run on
	Stolen      *float64 `json:"stolenMs,omitempty"`    // taken from this machine's processors by what it runs on
}

// Halts are moments in which processors ran nothing of what is measured, whatever its
// priority: others' long calls into the kernel, or, of threads with real-time priority, their
// rest of 50 ms when they had 95 % of a second. Times are in milliseconds.
type Halts struct {
	Times   int     `json:"times"`
	Sum     float64 `json:"sumMs"`
	Longest float64 `json:"longestMs"`
}

// A Spread tells how values lie, in milliseconds.
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

// Joins tells how long people waited who came: for a first packet, for a first picture.
func Joins(all []Tally) (packet, picture Spread) {
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

func summarize(all []Tally, took time.Duration) Report {
	rep := Report{Seconds: took.Seconds()}
	var sum Tally
	for _, t := range all {
		if t.Packets > 0 {
			rep.Subscriptions++
		}
		sum.Packets, sum.Bytes, sum.Frames = sum.Packets+t.Packets, sum.Bytes+t.Bytes, sum.Frames+t.Frames
		sum.Lost, sum.Missing, sum.Again = sum.Lost+t.Lost, sum.Missing+t.Missing, sum.Again+t.Again
		sum.Overflowed += t.Overflowed
		sum.Latencies = append(sum.Latencies, t.Latencies...)
	}
	rep.Packets, rep.Bits = float64(sum.Packets)/took.Seconds(), float64(8*sum.Bytes)/took.Seconds()
	if sum.Packets > 0 {
		all := float64(sum.Packets + sum.Lost)
		rep.Lost, rep.Missing, rep.Overflowed = float64(sum.Lost)/all, float64(sum.Missing)/all, float64(sum.Overflowed)/all
		rep.Again = float64(sum.Again) / float64(sum.Packets)
		rep.Pictures = float64(sum.Frames) / took.Seconds() / float64(rep.Subscriptions)
	}
	rep.Latency = spread(sum.Latencies)
	rep.FirstPacket, rep.FirstPicture = Joins(all)
	return rep
}

// usage is what a process used so far.
type usage struct {
	known    bool
	cpu      time.Duration
	resident int64 // bytes
}

// use adds what the server used: before there were viewers, and from beginning to
// end of the measurement.
func (rep *Report) use(before, from, to usage) {
	if !before.known || !from.known || !to.known || rep.Subscriptions == 0 || rep.Packets == 0 {
		return
	}
	cores := (to.cpu - from.cpu).Seconds() / rep.Seconds
	perPacket := cores / rep.Packets * 1e6
	perViewer := cores * float64(rep.Publishers) / float64(rep.Subscriptions) * 1e3 // of those who came
	memory := float64(to.resident-before.resident) / 1024 / float64(rep.Subscriptions)
	resident := float64(to.resident) / (1 << 20)
	rep.Cores, rep.PerPacket, rep.PerViewer, rep.Memory, rep.Resident = &cores, &perPacket, &perViewer, &memory, &resident
}
