package sfu

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"rostrum/internal/media"
)

// Packets of H.264: parameter sets of 1280x720 alone and together, and slices.
const (
	h264SPS       = "\x67\x42\xc0\x1f\xd9\x00\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x24\x80\x01"
	h264PPS       = "\x68\xce\x3c\x80"
	h264AUD       = "\x09\xf0"
	h264SEI       = "\x06\x05\x01\x80"
	h264Sets      = "\x78\x00\x1a" + h264SPS + "\x00\x04" + h264PPS
	h264IDR       = "\x65\x88first slice"
	h264SecondIDR = "\x65\x08second slice"
	h264Delta     = "\x41\x9adelta"
	fuStart       = "\x7c\x85\x88start"
	fuMiddle      = "\x7c\x05middle"
	fuEnd         = "\x7c\x45end"
)

// frames encrypts the frames of the publisher from a number on, each given by its packets. A
// packet that is "" is lost.
func (g *testBench) frames(number uint16, frames [][]string) (packets [][]byte) {
	base := uint32(number) * 3000
	for i, frame := range frames {
		for k, body := range frame {
			h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: number, Timestamp: base + uint32(i)*3000, SSRC: 78, Marker: k == len(frame)-1}
			if number++; body != "" {
				packets = append(packets, g.encrypt(&h, []byte(body)))
			}
		}
	}
	return packets
}

// offerWithSets is singleOffer of an encoder that announces its parameter sets.
var offerWithSets = strings.Replace(singleOffer, "packetization-mode=1;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=42e01f;sprop-parameter-sets="+
	base64.StdEncoding.EncodeToString([]byte(h264SPS))+","+base64.StdEncoding.EncodeToString([]byte(h264PPS)), 1)

// A viewer, and likewise what records, must get all that a decoder needs, whenever it begins,
// and however the encoder packs it.
func TestSubscription_BeginsWithParameterSetsAndKeyframe(t *testing.T) {
	for name, c := range map[string]struct {
		offer string
		first []string // the packets of the first keyframe
		later []string // and of the second
		want  []string // what a late viewer gets; nil for nothing
	}{
		"in one packet with the slice":          {"", []string{"\x78\x00\x1a" + h264SPS + "\x00\x04" + h264PPS + "\x00\x02\x65\x88"}, nil, []string{"\x78\x00\x1a" + h264SPS + "\x00\x04" + h264PPS + "\x00\x02\x65\x88"}},
		"sets in a packet of their own":         {"", []string{h264Sets, h264IDR}, nil, []string{h264Sets, h264IDR}},
		"SPS and PPS in packets of their own":   {"", []string{h264SPS, h264PPS, fuStart, fuMiddle, fuEnd}, nil, []string{h264Sets, fuStart, fuMiddle, fuEnd}},
		"delimiter, sets and slice":             {"", []string{h264AUD, h264SPS, h264PPS, h264SEI, h264IDR}, nil, []string{h264Sets, h264IDR}},
		"sets only at the start":                {"", []string{h264Sets, h264IDR}, []string{h264IDR}, []string{h264Sets, h264IDR}},
		"sets only at the start, and delimiter": {"", []string{h264AUD, h264SPS, h264PPS, h264IDR}, []string{h264AUD, fuStart, fuEnd}, []string{h264Sets, fuStart, fuEnd}},
		"sets at the start, without a slice":    {"", []string{h264Sets}, []string{h264SEI, h264IDR, h264SecondIDR}, []string{h264Sets, h264IDR, h264SecondIDR}},
		"sets only in the offer":                {offerWithSets, []string{h264IDR}, []string{h264IDR}, []string{h264Sets, h264IDR}},
		"sets in the offer, and delimiter":      {offerWithSets, []string{h264AUD, h264IDR}, []string{h264AUD, h264IDR}, []string{h264Sets, h264IDR}},
		"SPS again, PPS once":                   {"", []string{h264Sets, h264IDR}, []string{h264SPS, h264IDR}, []string{h264Sets, h264IDR}},
		"no sets at all":                        {"", []string{h264IDR}, []string{h264AUD, h264IDR}, nil},
		"sets without a keyframe":               {"", []string{h264Sets, h264Delta}, []string{h264Sets, h264Delta}, nil},
		"the first slice is lost":               {"", []string{h264Sets, h264Delta}, []string{"", h264SecondIDR}, nil},
		"a packet before the slice is lost":     {"", []string{h264Sets, h264Delta}, []string{h264AUD, "", h264IDR}, nil},
		"the start of a fragment is lost":       {"", []string{h264Sets, h264Delta}, []string{"", fuMiddle, fuEnd}, nil},
		"a wrong length":                        {"", []string{h264Sets, h264Delta}, []string{"\x78\xff\xff\x65\x88"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			offer := c.offer
			if offer == "" {
				offer = singleOffer
			}
			if c.later == nil {
				c.later = c.first
			}
			g := newTestBench(t, 0, Config{}, offer, watchOffer)
			var kept payloadSink
			frames := [][]string{{h264Delta}, c.first, {h264Delta}, c.later, {h264Delta}}
			g.onShard(func(s *shard) {
				packets := g.frames(100, frames)
				late := len(packets) - len(g.framesAfter(frames, 3))
				for i, b := range packets {
					if i == late {
						g.publisher.taps = append(g.publisher.taps, &tap{sink: &kept, track: g.publisher.track(media.Video), forwarder: newForwarder(media.H264, 1)})
					}
					g.publisher.transport.receive(s, b)
					s.flushBursts()
				}
			})
			g.subscribe(1, watchOffer)
			want := c.want
			if want != nil {
				want = append(slices.Clone(want), h264Delta)
			}
			var got []string
			for i, p := range g.received(0, 100*time.Millisecond) {
				got = append(got, string(p.Payload))
				if want := g.viewers[0].subs[1].forwarder.lastSent - uint64(len(c.want)) + uint64(i); p.SequenceNumber != uint16(want) {
					t.Errorf("packet %d has the number %d, want %d", i, p.SequenceNumber, uint16(want))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("a late viewer got %q, want %q", got, want)
			}
			if recorded := texts(kept); !slices.Equal(recorded, want) {
				t.Errorf("a recording got %q, want %q", recorded, want)
			}
		})
	}
}

func texts(payloads [][]byte) (all []string) {
	for _, p := range payloads {
		all = append(all, string(p))
	}
	return all
}

// framesAfter returns the packets from a frame on that are not lost.
func (g *testBench) framesAfter(frames [][]string, from int) (all []string) {
	for _, frame := range frames[from:] {
		all = append(all, slices.DeleteFunc(slices.Clone(frame), func(p string) bool { return p == "" })...)
	}
	return all
}

// A viewer that lost the parameter sets once would never decode again if they were not sent
// with each keyframe.
func TestSubscription_RepeatsParameterSetsThatThePublisherDoesNotRepeat(t *testing.T) {
	for name, c := range map[string]struct{ later, want []string }{
		"not repeated":    {[]string{h264AUD, h264IDR}, []string{h264AUD, h264Sets, h264IDR}},
		"repeated":        {[]string{h264SPS, h264PPS, h264IDR}, []string{h264SPS, h264PPS, h264IDR}},
		"in the slice":    {[]string{h264AUD, idr}, []string{h264AUD, idr}},
		"no parameter":    {[]string{h264Delta}, []string{h264Delta}},
		"only the second": {[]string{h264PPS, h264IDR}, []string{h264PPS, h264Sets, h264IDR}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
			g.onShard(func(s *shard) {
				for _, b := range g.frames(100, [][]string{{h264Sets, h264IDR}, {h264Delta}, c.later, {h264Delta}}) {
					g.publisher.transport.receive(s, b)
					s.flushBursts()
				}
			})
			got := g.received(0, 100*time.Millisecond)
			want := append(append([]string{h264Sets, h264IDR, h264Delta}, c.want...), h264Delta)
			var payloads []string
			for i, p := range got {
				payloads = append(payloads, string(p.Payload))
				if i > 0 && p.SequenceNumber != got[i-1].SequenceNumber+1 {
					t.Errorf("number %d follows %d", p.SequenceNumber, got[i-1].SequenceNumber)
				}
			}
			if !slices.Equal(payloads, want) {
				t.Fatalf("got %q, want %q", payloads, want)
			}
			g.expectRepairs(t, got)
		})
	}
}

func TestSubscription_BeginsWithTheSequenceHeaderOfAV1(t *testing.T) {
	av1 := strings.NewReplacer("H264/90000", "AV1/90000", "VP8/90000", "unknown/90000").Replace
	const header, keyframe, delta = "\x0a\x0b\x00\x00\x00\x2d\x4c\xff\xb3\xcd\xaf\x90\x04", "\x30\x10key", "\x10\x30\x30delta"
	g := newTestBench(t, 0, Config{}, av1(singleOffer), av1(watchOffer))
	g.onShard(func(s *shard) {
		for _, b := range g.frames(100, [][]string{{"\x28\x0d" + header + keyframe}, {delta}, {"\x10" + keyframe}, {delta}}) {
			g.publisher.transport.receive(s, b)
			s.flushBursts()
		}
	})
	g.subscribe(1, av1(watchOffer))
	var got []string
	for _, p := range g.received(0, 100*time.Millisecond) {
		got = append(got, string(p.Payload))
	}
	if want := []string{"\x18" + header, "\x10" + keyframe, delta}; !slices.Equal(got, want) {
		t.Errorf("a late viewer got %q, want %q", got, want)
	}
}

// expectRepairs requests all packets again, and expects the same contents.
func (g *testBench) expectRepairs(t *testing.T, sent []rtp.Packet) {
	t.Helper()
	g.onShard(func(s *shard) {
		for _, p := range sent {
			g.viewers[0].subs[1].receiveNACK(s, []rtcp.NackPair{{PacketID: p.SequenceNumber}})
		}
	})
	again := g.received(0, 100*time.Millisecond)
	if len(again) != len(sent) {
		t.Fatalf("%d of %d packets were sent again", len(again), len(sent))
	}
	for i, p := range again {
		if number := binary.BigEndian.Uint16(p.Payload); number != sent[i].SequenceNumber || string(p.Payload[2:]) != string(sent[i].Payload) || p.Timestamp != sent[i].Timestamp || p.Marker != sent[i].Marker {
			t.Errorf("%d was sent again as %d, %q at %d, first as %q at %d", sent[i].SequenceNumber, number, p.Payload[2:], p.Timestamp, sent[i].Payload, sent[i].Timestamp)
		}
	}
}

// The parameter sets arrive after the slice that needs them: nobody may begin before.
func TestSubscription_WaitsForParameterSetsThatAreLate(t *testing.T) {
	for _, late := range []int{0, 1} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
			g.onShard(func(s *shard) {
				packets := g.frames(100, [][]string{{h264Delta}, {h264SPS, h264PPS, h264IDR}, {h264Delta}})
				order := slices.Delete(slices.Clone(packets), 1+late, 2+late)
				for _, b := range append(order, packets[1+late]) {
					g.publisher.transport.receive(s, b)
					s.flushBursts()
				}
			})
			var got []string
			for _, p := range g.received(0, 100*time.Millisecond) {
				got = append(got, string(p.Payload))
			}
			if want := []string{h264Sets, h264IDR, h264Delta}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestLayer_RequestsKeyframesAtGrowingIntervals(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	g.onShard(func(s *shard) {
		receive := func(number uint16, frames ...[]string) {
			for _, b := range g.frames(number, frames) {
				g.publisher.transport.receive(s, b)
			}
			s.flushBursts()
		}
		receive(100, []string{h264IDR}) // nobody can begin with it
		l := g.publisher.track(media.Video).layers[0]
		from := s.now
		requests := func(d time.Duration) (at []time.Duration) {
			for end := s.now + d; s.now < end; s.now += 10 * time.Millisecond {
				l.keyframeWanted.Store(true)
				if l.takeKeyframeRequest(s.now) {
					at = append(at, (s.now-from)/(10*time.Millisecond)*10)
				}
			}
			return at
		}
		if got := requests(time.Minute); !slices.Equal(got[:6], []time.Duration{0, 300, 900, 2100, 4500, 9300}) || len(got) > 18 {
			t.Errorf("requests without an answer are sent at %d ms", got)
		}
		receive(101, []string{h264Sets, h264IDR})
		from = s.now
		if got := requests(time.Second); len(got) != 2 && len(got) != 3 {
			t.Errorf("after a keyframe, requests are sent at %d ms", got)
		}
		s.now += 2*maxKeyframeInterval + 1
		from = s.now
		if got := requests(time.Second); !slices.Equal(got, []time.Duration{0, 300, 900}) {
			t.Errorf("after a pause, requests are sent at %d ms", got)
		}
	})
}

// A viewer that cannot decode what it gets must not take the bandwidth of all others.
func TestSubscription_TakesRequestsThatDoNotHelpAtGrowingIntervals(t *testing.T) {
	for _, c := range []struct {
		name             string
		lost             bool
		minimum, maximum int
	}{
		{"nothing is lost", false, 6, 9},
		{"packets are lost", true, 60, 67},
	} {
		g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
		taken := 0
		g.onShard(func(s *shard) {
			for _, b := range g.frames(100, [][]string{{h264Sets, h264IDR}}) {
				g.publisher.transport.receive(s, b)
			}
			s.flushBursts()
			v := g.viewers[0]
			l := g.publisher.track(media.Video).layers[0]
			for range 200 {
				s.now += 100 * time.Millisecond
				if c.lost {
					v.receiveRTCP(s, &rtcp.TransportLayerNack{MediaSSRC: v.subs[1].track.ssrc, Nacks: []rtcp.NackPair{{PacketID: 7}}})
				}
				v.receiveRTCP(s, &rtcp.PictureLossIndication{MediaSSRC: v.subs[1].track.ssrc})
				if l.takeKeyframeRequest(s.now) {
					taken++
					l.requests.helped() // the publisher answers each
				}
			}
		})
		if taken > c.maximum || taken < c.minimum {
			t.Errorf("%s: 200 requests in 20 seconds caused %d, want %d to %d", c.name, taken, c.minimum, c.maximum)
		}
	}
}

func TestSubscription_CountsTheWaitForAKeyframe(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	g.onShard(func(s *shard) {
		v := g.viewers[0]
		u := v.subs[1]
		send := func(number uint16, frame ...string) {
			for _, b := range g.frames(number, [][]string{frame}) {
				g.publisher.transport.receive(s, b)
			}
			s.flushBursts()
		}
		pass := func(ticks int) time.Duration {
			for range ticks {
				s.now += 100 * time.Millisecond
				g.publisher.survey(s)
				v.tickSlow(s)
			}
			return u.stats().KeyframeWait
		}
		send(100, h264Sets, h264IDR)
		pass(1)
		before := pass(3)
		send(102, h264Delta)
		v.receiveRTCP(s, &rtcp.PictureLossIndication{MediaSSRC: u.track.ssrc})
		waiting := pass(4)
		send(103, h264Sets, h264IDR)
		if after := pass(5); before > 100*time.Millisecond || waiting-before != 400*time.Millisecond || after != waiting {
			t.Errorf("expected a wait of 0.4 s between the request and the keyframe, got %s, %s and %s", before, waiting, after)
		}
	})
}
