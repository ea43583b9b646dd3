package sfu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"rostrum/internal/media"
)

// disorder is what a path does to a simulcast publisher's packets, in a clock of its own.
type disorder struct {
	says   string
	loss   float64
	jitter int64 // ms; packets overtake
	intact float64
}

// A slice of a picture, as its payload tells: TestSubscription_ShowsWholePicturesOfOneLayer
// writes it into each packet.
type slice struct {
	layer     byte
	key       bool
	frame     uint32
	at, count byte
}

// payload looks to the server as a browser's H.264 does: a keyframe begins with its parameter
// sets in a packet of their own.
func (c slice) payload() []byte {
	b := []byte{0x7c, 0x01}
	switch {
	case c.key && c.at == 0:
		return append([]byte{0x78, 0, 9, 0x67}, c.marks()...)
	case c.key:
		b[1] = 0x05
	}
	if c.at == 0 || c.key && c.at == 1 {
		b[1] |= 0x80
	}
	return append(append(b, 0, 0), c.marks()...)
}

func (c slice) marks() []byte {
	key := byte(0)
	if c.key {
		key = 1
	}
	return append(binary.BigEndian.AppendUint32([]byte{c.layer, key}, c.frame), c.at, c.count)
}

func readSlice(b []byte) slice {
	m := b[4:]
	return slice{m[0], m[1] == 1, binary.BigEndian.Uint32(m[2:]), m[6], m[7]}
}

// TestSubscription_ShowsWholePicturesOfOneLayer brings three layers over bad paths, switches
// between them, and reads what the viewer gets as a decoder does: whatever looks like a whole
// picture must be one, and a layer must be entered with the first packet of a keyframe.
func TestSubscription_ShowsWholePicturesOfOneLayer(t *testing.T) {
	for _, path := range []disorder{
		{"in order", 0, 0, 0.999},
		{"loss", 0.05, 0, 0.95},
		{"overtaking", 0, 60, 0.99},
		{"both", 0.03, 60, 0.93},
	} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s, %d", path.says, seed), func(t *testing.T) { path.play(t, seed) })
		}
	}
}

// repairedOffer is browserOffer whose repairs tell their layer (RFC 8852).
var repairedOffer = strings.Replace(browserOffer, "a=rid:hi send\n", "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\na=rid:hi send\n", 1)

// sending is a packet on its way, or the publisher's answer to a NACK.
type sending struct {
	slice
	number uint16
	time   uint32
	again  bool
}

func (d *disorder) play(t *testing.T, seed uint64) {
	const frames, rtt = 900, 100
	g := newRig(t, 1, Config{}, repairedOffer, watchOffer)
	v := g.viewers[0]
	r := rand.New(rand.NewPCG(seed, 3))
	way := map[int64][]sending{} // by millisecond of arrival
	var kept [2][]sending        // by layer
	repair := uint16(0)
	labels := [2]string{"low", "hi"}
	send := func(ms int64, p sending) {
		if r.Float64() >= d.loss {
			way[ms+50+r.Int64N(d.jitter+1)] = append(way[ms+50+r.Int64N(d.jitter+1)], p)
		}
	}
	seen := picture{packets: map[uint64]rtp.Packet{}}
	g.on(func(s *shard) {
		v.sender.pacingBitrate, v.sender.lastAckedSent = 1<<36, 1
		wanted := [2]bool{true, true}
		base := s.now
		for ms := range int64(frames*33 + 1000) {
			s.now = base + time.Duration(ms)*time.Millisecond
			if ms%33 == 0 && ms/33 < frames {
				for layer := range labels {
					key := wanted[layer] && ms%231 == 0 || ms == 0
					if key {
						wanted[layer] = false
					}
					count := 2 + byte(r.UintN(4))
					for at := range count {
						p := sending{slice{byte(layer), key, uint32(ms / 33), at, count}, uint16(60_000 + len(kept[layer])), uint32(ms * 90), false}
						kept[layer] = append(kept[layer], p)
						send(ms, p)
					}
				}
			}
			for _, p := range way[ms] {
				l := labels[p.layer]
				body := p.payload()
				h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: p.number, Timestamp: p.time, SSRC: 900 + uint32(p.layer), Marker: p.at == p.count-1}
				extension := uint8(10)
				if p.again {
					repair++
					h.PayloadType, h.SSRC, h.SequenceNumber, extension = 107, 950+uint32(p.layer), repair, 11
					body = append(binary.BigEndian.AppendUint16(nil, p.number), body...)
				}
				_ = h.SetExtension(extension, []byte(l))
				g.publisher.transport.receive(s, g.seal(&h, body))
			}
			delete(way, ms)
			s.flushBursts()
			if v.onPacingList {
				v.sendPaced(s)
			}
			if ms%10 == 0 {
				for i := range g.publisher.sources {
					from := &g.publisher.sources[i]
					l := from.layer
					if from.repair || !from.active {
						continue
					}
					which := slices.Index(labels[:], l.label)
					ask, _ := l.losses.takeDue(nil, s.now, rtt*time.Millisecond)
					for _, n := range ask {
						p := kept[which][uint16(n)-l.sequenceOffset-60_000]
						p.again = true
						send(ms+rtt/2, p)
					}
					if l.takeKeyframeRequest(s.now) {
						wanted[which] = true
					}
				}
				seen.take(t, g.opened(0, time.Microsecond))
				v.subs[1].receiveNACK(s, seen.missing(ms))
			}
			if ms%100 == 0 {
				if ms%1500 == 0 {
					v.subs[1].target.Store(int32(r.UintN(2)))
				}
				v.subs[1].applyTarget(s)
			}
		}
	})
	seen.take(t, g.opened(0, 5*time.Millisecond))
	seen.check(t, d.intact, frames)
}

// picture is the video of a viewer: the packets by their number.
type picture struct {
	packets     map[uint64]rtp.Packet
	first, last uint64
	asked       map[uint64]int64
}

func (v *picture) take(t *testing.T, packets []rtp.Packet) {
	for _, p := range packets {
		again := p.PayloadType == 107
		if again {
			p.SequenceNumber, p.Payload = binary.BigEndian.Uint16(p.Payload), p.Payload[2:]
		}
		p.Payload = slices.Clone(p.Payload)
		if v.last == 0 {
			v.first, v.last = 1<<16|uint64(p.SequenceNumber), 1<<16|uint64(p.SequenceNumber)
		}
		n := media.Extend(v.last, p.SequenceNumber)
		if have, ok := v.packets[n]; ok && (!again || have.Timestamp != p.Timestamp || have.Marker != p.Marker || !slices.Equal(have.Payload, p.Payload)) {
			t.Fatalf("number %d stands for %+v at %d and for %+v at %d", n, readSlice(have.Payload), have.Timestamp, readSlice(p.Payload), p.Timestamp)
		}
		v.packets[n] = p
		v.last = max(v.last, n)
	}
}

// missing lists what the viewer asks for, each number every 100 ms.
func (v *picture) missing(ms int64) (pairs []rtcp.NackPair) {
	if v.asked == nil {
		v.asked = map[uint64]int64{}
	}
	for n := max(v.first, v.last-min(v.last, 300)); n < v.last; n++ {
		if _, ok := v.packets[n]; !ok && (v.asked[n] == 0 || ms-v.asked[n] >= 100) {
			v.asked[n] = ms
			pairs = append(pairs, rtcp.NackPair{PacketID: uint16(n)})
		}
	}
	return pairs
}

// check reads the packets as a decoder does. A picture is what lies between a change of time
// and a marker, without a gap.
func (v *picture) check(t *testing.T, intact float64, frames int) {
	whole, switches := 0, 0
	var before *rtp.Packet
	var run []slice
	for n := v.first; n <= v.last; n++ {
		p, ok := v.packets[n]
		if !ok {
			before, run = nil, nil
			continue
		}
		c := readSlice(p.Payload)
		if before != nil {
			if int32(p.Timestamp-before.Timestamp) < 0 {
				t.Fatalf("time runs back by %d before %+v", before.Timestamp-p.Timestamp, c)
			}
			if was := readSlice(before.Payload); was.layer != c.layer {
				switches++
				if !c.key || c.at != 0 {
					t.Fatalf("after %+v layer %d is entered with %+v", was, c.layer, c)
				}
			}
			if p.Timestamp != before.Timestamp {
				run = []slice{}
			}
		}
		if run != nil {
			run = append(run, c)
		}
		if p.Marker && run != nil {
			for i, got := range run {
				if want := (slice{c.layer, c.key, c.frame, byte(i), byte(len(run))}); got != want {
					t.Fatalf("%v is shown as a whole picture", run)
				}
			}
			whole++
		}
		before = &p
	}
	t.Logf("%d of %d pictures whole, %d switches", whole, frames, switches)
	if float64(whole) < intact*float64(frames)-10 || switches < 3 {
		t.Errorf("%d of %d pictures came whole over %d switches, want a share of %.3f and at least 3", whole, frames, switches, intact)
	}
}
