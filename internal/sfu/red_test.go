package sfu

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"rostrum/internal/media"
)

// Offers that prefer RED to Opus, and that list it second, as browsers do by default.
var (
	redOffer  = strings.NewReplacer("SAVPF 111 63 9", "SAVPF 63 111 9", "a=rtpmap:63 red/48000/2\n", "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n").Replace(singleOffer)
	plainRED  = strings.Replace(redOffer, "SAVPF 63 111 9", "SAVPF 111 63 9", 1)
	redWatch  = strings.NewReplacer("SAVPF 111\n", "SAVPF 111 63\n", "a=rtpmap:111 opus/48000/2\n", "a=rtpmap:111 opus/48000/2\na=rtcp-fb:111 nack\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n").Replace(watchOffer)
	redMapped = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
)

func TestAnswer_AcceptsREDWhereItIsWanted(t *testing.T) {
	r := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	publish := func(offer string) string {
		_, answer, err := r.router.Publish(crlf(offer), PublishConfig{Participant: "q"})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	watch := func(offer string) string {
		_, answer, err := r.router.NewViewer("v").Subscribe(r.publisher, crlf(offer), SubscribeConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for _, c := range []struct{ name, answer, formats string }{
		{"a publisher that prefers it", publish(redOffer), "63 111"},
		{"a publisher that supports it", publish(plainRED), "111"},
		{"a publisher with two formats in RED", publish(strings.Replace(redOffer, "111/111", "111/9", 1)), "111"},
		{"a publisher with another clock rate", publish(strings.Replace(redOffer, "red/48000/2", "red/8000", 1)), "111"},
		{"a publisher without fmtp", publish(strings.Replace(redOffer, "a=fmtp:63 111/111\n", "", 1)), "111"},
		{"a viewer that supports it", watch(redWatch), "111 63"},
		{"a viewer that does not", watch(watchOffer), "111"},
	} {
		if !strings.Contains(c.answer, "m=audio 9 UDP/TLS/RTP/SAVPF "+c.formats+"\r\n") || strings.Contains(c.answer, redMapped) != strings.Contains(c.formats, "63") {
			t.Errorf("%s: want the formats %s\n%s", c.name, c.formats, c.answer)
		}
	}
}

// audioPayload is the payload of the n-th audio packet.
func audioPayload(n uint16) []byte { return fmt.Appendf(nil, "audio %d", n) }

// redPacket is a redundant audio packet of the publisher, with back earlier packets.
func (g *testBench) redPacket(number, n uint16, back uint16) []byte {
	h := rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: number, Timestamp: 48000 + uint32(n)*960, SSRC: 77}
	var older []media.REDBlock
	for k := min(back, n); k > 0; k-- {
		older = append(older, media.REDBlock{TimestampOffset: uint32(k) * 960, Data: audioPayload(n - k)})
	}
	payload := media.AppendREDPrefix(nil, older)
	media.SetREDPayloadType(payload, 111)
	return g.encrypt(&h, append(payload, audioPayload(n)...))
}

// redPadding is a packet with only padding.
func (g *testBench) redPadding(number, n uint16) []byte {
	h := rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: number, Timestamp: 48000 + uint32(n)*960, SSRC: 77, Padding: true}
	return g.encrypt(&h, []byte{0, 0, 0, 4})
}

// payloadSink stores the payloads that it gets.
type payloadSink [][]byte

func (h *payloadSink) Write(p media.Packet) error {
	*h = append(*h, p.Payload)
	return nil
}

func TestPublisher_RecoversLostAudioFromRED(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps string // m for a packet, p for padding, M and P if it is lost
		back  uint16 // earlier packets in each
		lacks uint16 // the one that cannot be recovered, if any
		first uint16 // packets before the first that is received
	}{
		{name: "no loss", steps: "mmmm", back: 1},
		{name: "no redundancy", steps: "mmmm"},
		{name: "one lost", steps: "mMmm", back: 1},
		{name: "every second lost", steps: "mMmMm", back: 1},
		{name: "two lost in a row, one earlier packet", steps: "mMMmm", back: 1, lacks: 1},
		{name: "two lost in a row, two earlier packets", steps: "mMMmm", back: 2},
		{name: "one lost before padding", steps: "mMpm", back: 1},
		{name: "one and padding lost", steps: "mMPm", back: 1},
		{name: "padding lost", steps: "mmPmm", back: 2},
		{name: "blocks from before the first packet", steps: "mmMm", back: 7, first: 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTestBench(t, 1, Config{}, redOffer, watchOffer)
			var tapped payloadSink
			if _, err := g.publisher.Tap(media.Audio, &tapped); err != nil {
				t.Fatal(err)
			}
			var want []uint16
			g.onShard(func(s *shard) {
				n := c.first
				for number, step := range c.steps {
					b := g.redPadding(uint16(number), n-1)
					if step == 'm' || step == 'M' {
						b = g.redPacket(uint16(number), n, c.back)
						if c.lacks == 0 || n != c.lacks {
							want = append(want, n)
						}
						n++
					}
					if step == 'm' || step == 'p' {
						g.publisher.receiveMedia(s, b)
						s.flushBursts()
					}
				}
				missing := g.publisher.track(media.Audio).layers[0].losses.missing
				if len(missing) > 0 && c.lacks == 0 && !strings.Contains(c.steps, "P") {
					t.Errorf("%v are still missing", missing)
				}
			})
			got := slices.DeleteFunc(g.received(0, 100e6), func(p rtp.Packet) bool { return len(p.Payload) == 0 })
			tapped = slices.DeleteFunc(tapped, func(b []byte) bool { return len(b) == 0 })
			if len(got) != len(want) || len(tapped) != len(want) {
				t.Fatalf("%d packets came and %d to the sink, want %d: %v", len(got), len(tapped), len(want), got)
			}
			for i, n := range want {
				p := got[i]
				if p.PayloadType != 111 || !bytes.Equal(p.Payload, audioPayload(n)) || p.Timestamp-got[0].Timestamp != uint32(n-c.first)*960 {
					t.Errorf("packet %d of type %d, at %d, is %q; want %q", i, p.PayloadType, p.Timestamp-got[0].Timestamp, p.Payload, audioPayload(n))
				}
				if !bytes.Equal(tapped[i], audioPayload(n)) {
					t.Errorf("the sink got %q, want %q", tapped[i], audioPayload(n))
				}
			}
		})
	}
}

// lossyListener is a viewer of audio whose path can lose packets.
type lossyListener struct {
	*testBench
	subscriber *Subscriber
	u          *Subscription
	number     uint16                // of the next audio packet
	byNumber   map[uint16]rtp.Packet // received packets
}

func newLossyListener(t *testing.T) *lossyListener {
	t.Helper()
	g := newTestBench(t, 1, Config{}, plainRED, redWatch)
	return &lossyListener{testBench: g, subscriber: g.viewers[0], u: g.viewers[0].subs[0], byNumber: map[uint16]rtp.Packet{}}
}

// play makes the publisher send packets.
func (l *lossyListener) play(packets int) {
	l.onShard(func(s *shard) {
		for range packets {
			h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: l.number, Timestamp: uint32(l.number) * 960, SSRC: 77}
			l.publisher.receiveMedia(s, l.encrypt(&h, audioPayload(l.number)))
			s.flushBursts()
			l.number++
		}
	})
}

// playLossy makes the viewer request every tenth packet.
func (l *lossyListener) playLossy(turns int) {
	for range turns {
		l.play(redWindow)
		l.onShard(func(s *shard) {
			for n := uint64(9); n < redWindow; n += 10 {
				l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: uint16(l.u.forwarder.lastSent - redWindow + n)}})
			}
			l.subscriber.tickSlow(s)
		})
	}
}

// received returns what was received. Under one number it must always be the same.
func (l *lossyListener) received() []rtp.Packet {
	l.t.Helper()
	all := l.testBench.received(0, 50*time.Millisecond)
	for _, p := range all {
		before, again := l.byNumber[p.SequenceNumber]
		if again && (p.PayloadType != before.PayloadType || p.Timestamp != before.Timestamp || !bytes.Equal(p.Payload, before.Payload)) {
			l.t.Errorf("%v has the number of %v", p, before)
		}
		l.byNumber[p.SequenceNumber] = p
	}
	return all
}

// expectRED compares a redundant packet with the last packets.
func (l *lossyListener) expectRED(payload []byte) {
	l.t.Helper()
	var scratch [4]media.REDBlock
	blocks, ok := media.DecodeRED(payload, scratch[:0])
	if !ok || len(blocks) != redDepth+1 {
		l.t.Fatalf("%+v, %v; want %d blocks", blocks, ok, redDepth+1)
	}
	for i, b := range blocks {
		back := uint16(redDepth - i)
		if b.PayloadType != 111 || b.TimestampOffset != 960*uint32(back) || !bytes.Equal(b.Data, audioPayload(l.number-1-back)) {
			l.t.Errorf("block %d is of %d, %d before: %q; want %q", i, b.PayloadType, b.TimestampOffset, b.Data, audioPayload(l.number-1-back))
		}
	}
}

// formats counts packets by their payload type.
func formats(all []rtp.Packet) map[uint8]int {
	count := map[uint8]int{}
	for _, p := range all {
		count[p.PayloadType]++
	}
	return count
}

func TestSubscription_SendsREDWhileMuchIsLost(t *testing.T) {
	l := newLossyListener(t)
	l.onShard(func(*shard) { l.subscriber.transport.roundTrip = 20e6 })
	l.playLossy(6)
	if seen := formats(l.received()); seen[63] > 0 || seen[111] == 0 {
		t.Fatalf("%v were received by type on a short path, want only Opus", seen)
	}
	l.onShard(func(*shard) { l.subscriber.transport.roundTrip = 200e6 })
	l.playLossy(1)
	l.received()
	l.play(1)
	got := l.received()
	if len(got) != 1 || got[0].PayloadType != 63 {
		t.Fatalf("%v was received on a long path with 10 %% loss, want redundant audio", got)
	}
	if stats := l.engine.Stats(); stats.RedundantSubscriptions != 1 || stats.RedundantBytes < uint64(redDepth*len(audioPayload(0))) {
		t.Errorf("the engine counts %d subscriptions with RED and %d bytes", stats.RedundantSubscriptions, stats.RedundantBytes)
	}
	l.expectRED(got[0].Payload)
	l.onShard(func(s *shard) {
		change := uint16(l.u.red.changedAt)
		l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: change - 1}})
		l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: change}})
	})
	if seen := formats(l.received()); seen[111] != 1 || seen[63] != 1 {
		t.Errorf("%v were retransmitted by type, want one of each form", seen)
	}
	for range 30 {
		l.play(redWindow)
		l.onShard(l.subscriber.tickSlow)
	}
	l.received()
	l.play(1)
	if got := l.received(); len(got) != 1 || got[0].PayloadType != 111 {
		t.Errorf("%v was received without loss, want only Opus", got)
	}
	before := l.engine.Stats()
	l.play(1)
	if after := l.engine.Stats(); after.RedundantSubscriptions != 0 || after.RedundantBytes != before.RedundantBytes {
		t.Errorf("the engine still counts %d subscriptions with RED, and %d bytes after %d", after.RedundantSubscriptions, after.RedundantBytes, before.RedundantBytes)
	}
}

func TestREDSwitch_IsEnabledWhereItHelps(t *testing.T) {
	for _, c := range []struct {
		name      string
		red       redSwitch
		nacked    int // in each window
		reported  float64
		roundTrip time.Duration
		want      bool
	}{
		{"an offer without RED", redSwitch{nacks: true}, 10, 0.1, 200e6, false},
		{"no loss", redSwitch{payloadType: 63, nacks: true}, 0, 0, 200e6, false},
		{"little loss", redSwitch{payloadType: 63, nacks: true}, 0, 0.015, 200e6, false},
		{"many NACKs, retransmissions too late", redSwitch{payloadType: 63, nacks: true}, 3, 0, 200e6, true},
		{"many NACKs, retransmissions in time", redSwitch{payloadType: 63, nacks: true}, 3, 0, 20e6, false},
		{"many NACKs, unknown round trip", redSwitch{payloadType: 63, nacks: true}, 3, 0, 0, false},
		{"much reported loss, no retransmissions", redSwitch{payloadType: 63}, 0, 0.05, 20e6, true},
	} {
		next := uint64(1000)
		for range 20 {
			for i := range c.nacked {
				c.red.countNACK(uint16(next) + uint16(i))
			}
			next += redWindow
			c.red.update(next, c.reported, c.roundTrip)
		}
		if c.red.enabled != c.want {
			t.Errorf("%s: enabled %v, want %v", c.name, c.red.enabled, c.want)
		}
	}
}

func TestREDSwitch_KeepsTheFormOfANumberThatMayBeResent(t *testing.T) {
	c := redSwitch{payloadType: 63}
	p := &media.Packet{REDPrefix: []byte{0}}
	forms := map[uint64]bool{}
	for next := uint64(1); next < 5000; next++ {
		forms[next-1] = len(c.blocksFor(p, next-1)) > 0
		c.update(next, float64(next%3)/10, 0) // it changes as often as it may
		for n := next - min(next, audioRingSize); n < next; n++ {
			if now := len(c.blocksFor(p, n)) > 0; now != forms[n] {
				t.Fatalf("at %d, %d is redundant: %v, it was %v", next, n, now, forms[n])
			}
		}
	}
	if c.changedAt == 0 {
		t.Error("it never changes")
	}
}

func TestPacketPath_REDAllocatesNothing(t *testing.T) {
	g := newTestBench(t, 10, Config{}, redOffer, redWatch)
	const rounds = 2000
	var packets [][]byte
	for i := range uint16(rounds + 300) {
		packets = append(packets, g.redPacket(i, i, 1))
	}
	g.onShard(func(s *shard) {
		for _, v := range g.viewers {
			v.subs[0].red.toggle(v.subs[0].forwarder.lastSent + 1)
			v.subs[0].red.enabled = true
		}
		next := 0
		round := func() {
			if next%20 != 19 { // the others are recovered
				g.publisher.receiveMedia(s, packets[next])
				s.flushBursts()
			}
			next++
		}
		for range 200 {
			round()
		}
		if n := testing.AllocsPerRun(rounds, round); n > 0.1 {
			t.Errorf("%.2f allocations for one packet to ten viewers", n)
		}
	})
	if n := g.viewers[0].subs[0].counts.packets; n < rounds {
		t.Errorf("%d packets were sent, want %d", n, rounds)
	}
}
