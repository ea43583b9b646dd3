package realtime

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// A RemoteTrack is one medium that a Subscription receives.
type RemoteTrack struct {
	ParticipantID string // the publisher; empty for the endpoint of another server
	Codec         Codec  // of all samples of the track

	order           reorder
	assemble        *assembler
	requested       time.Time // when a keyframe was last requested
	requestKeyframe func()    // sends the request; constant

	mu       sync.Mutex // guards what follows
	stats    ReceiveStats
	arrivals arrivalStats
	clock    senderClock
}

// ReceiveStats are a RemoteTrack's figures since it began. It is one record of plain figures, so it has
// more fields than usual.
type ReceiveStats struct {
	Packets, Bytes uint64        // received; bytes of RTP payload
	Lost           uint64        // packets that were neither received nor retransmitted in time
	Late           uint64        // packets that were duplicates or too late
	Recovered      uint64        // lost packets that redundant audio replaced
	Jitter         time.Duration // between arrivals, as RFC 3550 estimates it
	Samples        uint64        // that can be decoded
	Keyframes      uint64        // of the samples
	Width, Height  int           // of the last keyframe, in pixels
	Freezes        uint64        // as in the W3C's WebRTC statistics
	Frozen         time.Duration // the time of all freezes
	KeyframeWait   time.Duration // from offer to first keyframe; 0 while there was none
}

// RequestKeyframe requests a keyframe, for a decoder that finds damage which the packets did
// not show. The caller limits how often.
func (t *RemoteTrack) RequestKeyframe() { t.requestKeyframe() }

func newRemoteTrack(c Codec) *RemoteTrack {
	return &RemoteTrack{Codec: c, assemble: newAssembler(c)}
}

// Stats returns the figures so far.
func (t *RemoteTrack) Stats() ReceiveStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Jitter = t.arrivals.jitter
	return s
}

// Captured is when the sender captured an RTP timestamp, by its own clock, which its audio
// and video share. ok is false before its first report.
func (t *RemoteTrack) Captured(timestamp uint32) (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock.at(timestamp, t.Codec.ClockRate())
}

// keyframeInterval is the least time between two requests of a keyframe.
const keyframeInterval = 500 * time.Millisecond

// An ordered is what a packet made available: packets in order, the samples that they
// complete, and whether a keyframe is to be requested.
type ordered struct {
	packets []arrival
	samples []Received
	request bool
}

func (t *RemoteTrack) receive(p *rtp.Packet, now, offered time.Time) (out ordered) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Packets++
	t.stats.Bytes += uint64(len(p.Payload))
	t.arrivals.packet(p.Timestamp, now, t.Codec.ClockRate())
	if p.PayloadType == redPayloadType && !t.decodeRED(p, now) {
		return out
	}
	out.packets = t.order.push(p, now)
	for _, a := range out.packets {
		t.stats.Lost += uint64(a.lost)
		f, complete, needKeyframe := t.assemble.add(a)
		if complete {
			t.count(f, offered)
			out.samples = append(out.samples, f)
		}
		if needKeyframe && now.Sub(t.requested) >= keyframeInterval {
			t.requested, out.request = now, true
		}
	}
	t.stats.Late = t.order.late
	return out
}

func (t *RemoteTrack) count(f Received, offered time.Time) {
	s := &t.stats
	s.Samples++
	if t.Codec.Kind() == media.Audio {
		return
	}
	if f.Keyframe {
		if s.Keyframes == 0 {
			s.KeyframeWait = f.Arrived.Sub(offered)
		}
		s.Keyframes++
		if f.Width > 0 {
			s.Width, s.Height = f.Width, f.Height
		}
	}
	if frozen := t.arrivals.frame(f.Arrived); frozen > 0 {
		s.Freezes++
		s.Frozen += frozen
	}
}

// read passes on packets and samples until the track ends.
func (t *RemoteTrack) read(from *webrtc.TrackRemote, offered time.Time, to *SubscribeConfig) {
	for {
		p, _, err := from.ReadRTP()
		if err != nil {
			return
		}
		out := t.receive(p, time.Now(), offered)
		if out.request {
			t.requestKeyframe()
		}
		t.pass(out, to)
	}
}

// pass calls the functions of the subscription.
func (t *RemoteTrack) pass(out ordered, to *SubscribeConfig) {
	if to.OnPacket != nil {
		for _, a := range out.packets {
			to.OnPacket(t, a.packet)
		}
	}
	if to.OnSample != nil {
		for _, s := range out.samples {
			to.OnSample(t, s)
		}
	}
}

// readReports updates the sender's clock until the track ends.
func (t *RemoteTrack) readReports(r *webrtc.RTPReceiver) {
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				t.mu.Lock()
				t.clock = senderClock{known: true, ntp: sr.NTPTime, rtp: sr.RTPTime}
				t.mu.Unlock()
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
