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

// disorderedPath loses and reorders a simulcast publisher's packets. It has its own clock.
type disorderedPath struct {
	name   string
	loss   float64
	jitter int64 // ms
	intact float64
}

// testSlice is a slice of a frame. Each packet contains its description.
type testSlice struct {
	layer     byte
	key       bool
	frame     uint32
	at, count byte
}

// payload looks like H.264 of a browser: a keyframe starts with its parameter sets in a packet of
// their own.
func (c testSlice) payload() []byte {
	b := []byte{0x7c, 0x01, 0, 0}
	switch {
	case c.key && c.at == 0:
		b = append([]byte{0x78, 0, 13, 0x67, 0x42, 0, 0x1f, 0x80}, c.identity()...)
		return append(b, 0, 2, 0x68, 0xce)
	case c.key:
		b[1] = 0x05
	}
	if c.at == 0 || c.key && c.at == 1 {
		b[1], b[2] = b[1]|0x80, 0x80
	}
	return append(b, c.identity()...)
}

func (c testSlice) identity() []byte {
	key := byte(0)
	if c.key {
		key = 1
	}
	return append(binary.BigEndian.AppendUint32([]byte{c.layer, key}, c.frame), c.at, c.count)
}

func parseSlice(b []byte) testSlice {
	m := b[4:]
	if b[0] == 0x78 {
		m = b[8:]
	}
	return testSlice{m[0], m[1] == 1, binary.BigEndian.Uint32(m[2:]), m[6], m[7]}
}

// Layers are switched over bad paths, and the viewer's packets are read like a decoder does: what
// looks like a complete frame must be one, and a layer must start with the first packet of a
// keyframe.
func TestSubscription_SendsCompleteFramesOnDisorderedPaths(t *testing.T) {
	for _, path := range []disorderedPath{
		{"in order", 0, 0, 0.999},
		{"loss", 0.05, 0, 0.95},
		{"reordering", 0, 60, 0.99},
		{"both", 0.03, 60, 0.93},
	} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s, %d", path.name, seed), func(t *testing.T) { path.play(t, seed) })
		}
	}
}

// repairedOffer is browserOffer with RIDs on retransmissions (RFC 8852).
var repairedOffer = strings.Replace(browserOffer, "a=rid:hi send\n", "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\na=rid:hi send\n", 1)

// testPacket is a packet in transit, possibly a retransmission.
type testPacket struct {
	testSlice
	number uint16
	time   uint32
	rtx    bool
}

func (d *disorderedPath) play(t *testing.T, seed uint64) {
	const frames, rtt = 900, 100
	g := newTestBench(t, 1, Config{}, repairedOffer, watchOffer)
	v := g.viewers[0]
	r := rand.New(rand.NewPCG(seed, 3))
	way := map[int64][]testPacket{} // by millisecond of arrival
	var kept [2][]testPacket        // by layer
	repair := uint16(0)
	labels := [2]string{"low", "hi"}
	send := func(ms int64, p testPacket) {
		if r.Float64() >= d.loss {
			way[ms+50+r.Int64N(d.jitter+1)] = append(way[ms+50+r.Int64N(d.jitter+1)], p)
		}
	}
	seen := receivedVideo{packets: map[uint64]rtp.Packet{}}
	g.onShard(func(s *shard) {
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
						p := testPacket{testSlice{byte(layer), key, uint32(ms / 33), at, count}, uint16(60_000 + len(kept[layer])), uint32(ms * 90), false}
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
				if p.rtx {
					repair++
					h.PayloadType, h.SSRC, h.SequenceNumber, extension = 107, 950+uint32(p.layer), repair, 11
					body = append(binary.BigEndian.AppendUint16(nil, p.number), body...)
				}
				_ = h.SetExtension(extension, []byte(l))
				g.publisher.transport.receive(s, g.encrypt(&h, body))
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
						p.rtx = true
						send(ms+rtt/2, p)
					}
					if l.takeKeyframeRequest(s.now) {
						wanted[which] = true
					}
				}
				seen.record(t, g.received(0, time.Microsecond))
				v.subs[1].receiveNACK(s, seen.nacks(ms))
			}
			if ms%100 == 0 {
				if ms%1500 == 0 {
					v.subs[1].target.Store(int32(r.UintN(2)))
				}
				v.subs[1].applyTarget(s)
			}
		}
	})
	seen.record(t, g.received(0, 5*time.Millisecond))
	seen.checkFrames(t, d.intact, frames)
}

// receivedVideo is the video of a viewer: the packets by their number.
type receivedVideo struct {
	packets     map[uint64]rtp.Packet
	first, last uint64
	nackedAt    map[uint64]int64
}

func (v *receivedVideo) record(t *testing.T, packets []rtp.Packet) {
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
			t.Fatalf("number %d is %+v at %d and %+v at %d", n, parseSlice(have.Payload), have.Timestamp, parseSlice(p.Payload), p.Timestamp)
		}
		v.packets[n] = p
		v.last = max(v.last, n)
	}
}

// nacks lists what the viewer requests, each number every 100 ms.
func (v *receivedVideo) nacks(ms int64) (pairs []rtcp.NackPair) {
	if v.nackedAt == nil {
		v.nackedAt = map[uint64]int64{}
	}
	for n := max(v.first, v.last-min(v.last, 300)); n < v.last; n++ {
		if _, ok := v.packets[n]; !ok && (v.nackedAt[n] == 0 || ms-v.nackedAt[n] >= 100) {
			v.nackedAt[n] = ms
			pairs = append(pairs, rtcp.NackPair{PacketID: uint16(n)})
		}
	}
	return pairs
}

// checkFrames reads the packets as a decoder does. A frame is what is between a change of the
// timestamp and a marker, without a gap.
func (v *receivedVideo) checkFrames(t *testing.T, intact float64, frames int) {
	whole, switches := 0, 0
	var before *rtp.Packet
	var run []testSlice
	for n := v.first; n <= v.last; n++ {
		p, ok := v.packets[n]
		if !ok {
			before, run = nil, nil
			continue
		}
		c := parseSlice(p.Payload)
		if before != nil {
			if int32(p.Timestamp-before.Timestamp) < 0 {
				t.Fatalf("the timestamp goes back by %d before %+v", before.Timestamp-p.Timestamp, c)
			}
			if was := parseSlice(before.Payload); was.layer != c.layer {
				switches++
				if !c.key || c.at != 0 {
					t.Fatalf("after %+v layer %d starts with %+v", was, c.layer, c)
				}
			}
			if p.Timestamp != before.Timestamp {
				run = []testSlice{}
			}
		}
		if run != nil {
			run = append(run, c)
		}
		if p.Marker && run != nil {
			for i, got := range run {
				if want := (testSlice{c.layer, c.key, c.frame, byte(i), byte(len(run))}); got != want {
					t.Fatalf("%v looks like a complete frame", run)
				}
			}
			whole++
		}
		before = &p
	}
	t.Logf("%d of %d frames complete, %d switches", whole, frames, switches)
	if float64(whole) < intact*float64(frames)-10 || switches < 3 {
		t.Errorf("%d of %d frames are complete after %d switches, want a share of %.3f and at least 3", whole, frames, switches, intact)
	}
}
