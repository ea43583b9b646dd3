package load

import (
	"slices"
	"time"
)

// A Report is what a Run found. Times are in milliseconds. Figures of the server's
// process are nil where it is unknown. It is one record of plain figures, so it is
// longer than a struct should be.
type Report struct {
	Publishers    int      `json:"publishers"`
	Viewers       int      `json:"viewers"`
	Subscriptions int      `json:"subscriptions"` // that media came for
	Failures      []string `json:"failures,omitempty"`
	Seconds       float64  `json:"seconds"`
	Packets       float64  `json:"packetsPerSecond"` // received by all
	Bits          float64  `json:"bitsPerSecond"`
	Pictures      float64  `json:"picturesPerSecond"` // of one subscription
	Lost          float64  `json:"lossRatio"`
	Again         float64  `json:"retransmissionRatio"`

	Latency      Spread `json:"latencyMs"` // from sending to receiving a picture's first packet
	FirstPacket  Spread `json:"firstPacketMs"`
	FirstPicture Spread `json:"firstPictureMs"` // from offer to the end of the first keyframe

	Cores     *float64 `json:"serverCores,omitempty"`           // processors that the server kept busy
	PerPacket *float64 `json:"cpuMicrosPerPacket,omitempty"`    // of a forwarded packet
	PerViewer *float64 `json:"cpuMillisPerViewer,omitempty"`    // a second and viewer
	Memory    *float64 `json:"kibPerSubscription,omitempty"`    // resident, above that without viewers
	Resident  *float64 `json:"serverResidentMibytes,omitempty"` // at the end
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

func summarize(all []Tally, took time.Duration) Report {
	rep := Report{Seconds: took.Seconds()}
	var packets, bytes, lost, again, frames uint64
	var latencies, firstPackets, firstPictures []time.Duration
	for _, t := range all {
		if t.Packets > 0 {
			rep.Subscriptions++
		}
		packets, bytes, lost, again, frames = packets+t.Packets, bytes+t.Bytes, lost+t.Lost, again+t.Again, frames+t.Frames
		latencies = append(latencies, t.Latencies...)
		if t.FirstPacket > 0 {
			firstPackets = append(firstPackets, t.FirstPacket)
		}
		if t.FirstPicture > 0 {
			firstPictures = append(firstPictures, t.FirstPicture)
		}
	}
	rep.Packets, rep.Bits = float64(packets)/took.Seconds(), float64(8*bytes)/took.Seconds()
	if packets > 0 {
		rep.Lost, rep.Again = float64(lost)/float64(packets+lost), float64(again)/float64(packets)
		rep.Pictures = float64(frames) / took.Seconds() / float64(rep.Subscriptions)
	}
	rep.Latency, rep.FirstPacket, rep.FirstPicture = spread(latencies), spread(firstPackets), spread(firstPictures)
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
	perViewer := cores / float64(rep.Viewers) * 1e3
	memory := float64(to.resident-before.resident) / 1024 / float64(rep.Subscriptions)
	resident := float64(to.resident) / (1 << 20)
	rep.Cores, rep.PerPacket, rep.PerViewer, rep.Memory, rep.Resident = &cores, &perPacket, &perViewer, &memory, &resident
}
