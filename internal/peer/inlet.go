package peer

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
	"rostrum/internal/testpattern"
)

// An Inlet is one medium that a Subscription receives.
type Inlet struct {
	Codec media.Codec

	order           reorder
	assemble        *assembler
	requested       time.Time // when a keyframe was last requested
	requestKeyframe func()    // sends the request; constant

	mu       sync.Mutex // guards what follows
	stats    Stats
	began    time.Time // when the first keyframe came
	arrivals arrivalStats
	clock    senderClock
}

// Stats are an Inlet's figures since it began. It is one record of plain figures, so it has
// more fields than usual.
type Stats struct {
	Packets, Bytes uint64 // RTP payload
	Lost           uint64 // packets that were neither received nor retransmitted in time
	Late           uint64 // packets that were duplicates or too late
	Recovered      uint64 // lost packets that redundant audio replaced
	Jitter         time.Duration
	Frames         uint64 // that can be decoded
	Keyframes      uint64
	Width, Height  int
	Freezes        uint64
	Frozen         time.Duration
	KeyframeWait   time.Duration    // from offer to first keyframe; 0 while there was none
	Latencies      []time.Duration  // from drawing to arrival, of test pattern pictures since the last Stats call, without the first second
	Mark           testpattern.Mark // of the last pattern picture
}

// RequestKeyframe requests a keyframe, for a decoder that finds damage which the packets did
// not show. The caller limits how often.
func (in *Inlet) RequestKeyframe() { in.requestKeyframe() }

func newInlet(c media.Codec) *Inlet {
	return &Inlet{Codec: c, assemble: newAssembler(c)}
}

// Stats returns the figures so far, with the latencies since the last call.
func (in *Inlet) Stats() Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.stats
	in.stats.Latencies = nil
	s.Jitter = in.arrivals.jitter
	return s
}

// Captured is when the sender captured an RTP timestamp, by its own clock, which its audio
// and video share. ok is false before its first report.
func (in *Inlet) Captured(timestamp uint32) (t time.Time, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.clock.at(timestamp, in.Codec.ClockRate())
}

const (
	maxLatencies     = 4096        // between two calls of Stats
	ignoredStart     = time.Second // of latencies: a server may begin with older pictures
	keyframeInterval = 500 * time.Millisecond
)

// receive takes a packet and returns the frames that it completes, and whether a keyframe is
// to be requested.
func (in *Inlet) receive(p *rtp.Packet, now, offered time.Time) (frames []Received, request bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stats.Packets++
	in.stats.Bytes += uint64(len(p.Payload))
	in.arrivals.packet(p.Timestamp, now, in.Codec.ClockRate())
	if p.PayloadType == redPayloadType && !in.decodeRED(p, now) {
		return nil, false
	}
	for _, a := range in.order.push(p, now) {
		in.stats.Lost += uint64(a.lost)
		f, complete, needKeyframe := in.assemble.add(a)
		if complete {
			in.count(f, offered)
			frames = append(frames, f)
		}
		if needKeyframe && now.Sub(in.requested) >= keyframeInterval {
			in.requested, request = now, true
		}
	}
	in.stats.Late = in.order.late
	return frames, request
}

func (in *Inlet) count(f Received, offered time.Time) {
	s := &in.stats
	s.Frames++
	if in.Codec.Kind() == media.Audio {
		return
	}
	if f.Keyframe {
		if s.Keyframes == 0 {
			s.KeyframeWait = f.Arrived.Sub(offered)
			in.began = f.Arrived
		}
		s.Keyframes++
		if f.Width > 0 {
			s.Width, s.Height = f.Width, f.Height
		}
	}
	if frozen := in.arrivals.frame(f.Arrived); frozen > 0 {
		s.Freezes++
		s.Frozen += frozen
	}
	if in.Codec != media.H264 {
		return
	}
	if m, ok := testpattern.Find(f.Data); ok {
		s.Mark = m
		if f.Arrived.Sub(in.began) >= ignoredStart && len(s.Latencies) < maxLatencies {
			s.Latencies = append(s.Latencies, f.Arrived.Sub(m.Sent))
		}
	}
}

// read returns frames to onFrame until the track ends.
func (in *Inlet) read(track *webrtc.TrackRemote, offered time.Time, onFrame func(*Inlet, Received)) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		frames, request := in.receive(p, time.Now(), offered)
		if request {
			in.requestKeyframe()
		}
		if onFrame == nil {
			continue
		}
		for _, f := range frames {
			onFrame(in, f)
		}
	}
}

// readReports updates the sender's clock until the track ends.
func (in *Inlet) readReports(r *webrtc.RTPReceiver) {
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				in.mu.Lock()
				in.clock = senderClock{known: true, ntp: sr.NTPTime, rtp: sr.RTPTime}
				in.mu.Unlock()
			}
		}
	}
}

// A senderClock maps RTP timestamps to the sender's wall clock (RFC 3550 §6.4.1).
type senderClock struct {
	known bool
	ntp   uint64
	rtp   uint32
}

const ntpToUnix = 2_208_988_800 // seconds from 1900 to 1970

func (c senderClock) at(timestamp, rate uint32) (time.Time, bool) {
	if !c.known {
		return time.Time{}, false
	}
	reported := time.Unix(int64(c.ntp>>32)-ntpToUnix, int64(c.ntp&0xFFFFFFFF*1_000_000_000>>32))
	return reported.Add(time.Duration(int32(timestamp-c.rtp)) * time.Second / time.Duration(rate)), true
}

// arrivalStats measures jitter and freezes.
type arrivalStats struct {
	started bool
	transit int64 // of the last packet, in ticks, from an arbitrary zero
	jitter  time.Duration
	begin   time.Time

	shown     time.Time
	intervals []time.Duration // the last 30 between pictures
}

// packet updates the interarrival jitter (RFC 3550 §6.4.1 and A.8).
func (p *arrivalStats) packet(timestamp uint32, now time.Time, rate uint32) {
	if !p.started {
		p.started, p.begin = true, now
		p.transit = -int64(timestamp)
		return
	}
	transit := int64(now.Sub(p.begin))*int64(rate)/int64(time.Second) - int64(timestamp)
	d := int64(int32(transit - p.transit))
	p.transit = transit
	if d < 0 {
		d = -d
	}
	p.jitter += (time.Duration(d)*time.Second/time.Duration(rate) - p.jitter) / 16
}

// frame returns how long video froze before this picture, or 0. A freeze is an interval
// above three times the average and above the average plus 150 ms, as in the W3C's WebRTC
// statistics (freezeCount).
func (p *arrivalStats) frame(now time.Time) time.Duration {
	if p.shown.IsZero() {
		p.shown = now
		return 0
	}
	wait := now.Sub(p.shown)
	p.shown = now
	frozen := time.Duration(0)
	if n := len(p.intervals); n >= 5 {
		var sum time.Duration
		for _, i := range p.intervals {
			sum += i
		}
		average := sum / time.Duration(n)
		if wait > max(3*average, average+150*time.Millisecond) {
			frozen = wait
		}
	}
	if len(p.intervals) == 30 {
		p.intervals = slices.Delete(p.intervals, 0, 1)
	}
	p.intervals = append(p.intervals, wait)
	return frozen
}
