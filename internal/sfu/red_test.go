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

// With RED preferred to Opus, and second to it, as browsers offer of themselves.
var (
	redOffer  = strings.NewReplacer("SAVPF 111 63 9", "SAVPF 63 111 9", "a=rtpmap:63 red/48000/2\n", "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n").Replace(singleOffer)
	plainRED  = strings.Replace(redOffer, "SAVPF 63 111 9", "SAVPF 111 63 9", 1)
	redWatch  = strings.NewReplacer("SAVPF 111\n", "SAVPF 111 63\n", "a=rtpmap:111 opus/48000/2\n", "a=rtpmap:111 opus/48000/2\na=rtcp-fb:111 nack\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n").Replace(watchOffer)
	redMapped = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
)

func TestAnswer_TakesRedundantSoundWhereItIsWanted(t *testing.T) {
	r := newRig(t, 0, Config{}, singleOffer, watchOffer)
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
	for _, c := range []struct{ says, answer, formats string }{
		{"a publisher that prefers it", publish(redOffer), "63 111"},
		{"a publisher that can", publish(plainRED), "111"},
		{"a publisher of several formats in one", publish(strings.Replace(redOffer, "111/111", "111/9", 1)), "111"},
		{"a publisher of another clock", publish(strings.Replace(redOffer, "red/48000/2", "red/8000", 1)), "111"},
		{"a publisher that doesn't say of what", publish(strings.Replace(redOffer, "a=fmtp:63 111/111\n", "", 1)), "111"},
		{"a viewer that can", watch(redWatch), "111 63"},
		{"a viewer that can't", watch(watchOffer), "111"},
	} {
		if !strings.Contains(c.answer, "m=audio 9 UDP/TLS/RTP/SAVPF "+c.formats+"\r\n") || strings.Contains(c.answer, redMapped) != strings.Contains(c.formats, "63") {
			t.Errorf("%s: want the formats %s\n%s", c.says, c.formats, c.answer)
		}
	}
}

// said is the payload of the n-th packet of sound.
func said(n uint16) []byte { return fmt.Appendf(nil, "sound %d", n) }

// sound is one packet of a publisher's sound; with back it carries so many before it.
func (g *testBench) sound(number, n uint16, back uint16) []byte {
	h := rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: number, Timestamp: 48000 + uint32(n)*960, SSRC: 77}
	var older []media.REDBlock
	for k := min(back, n); k > 0; k-- {
		older = append(older, media.REDBlock{TimestampOffset: uint32(k) * 960, Data: said(n - k)})
	}
	payload := media.AppendREDPrefix(nil, older)
	media.SetREDPayloadType(payload, 111)
	return g.seal(&h, append(payload, said(n)...))
}

// padding is a packet of padding alone.
func (g *testBench) padding(number, n uint16) []byte {
	h := rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: number, Timestamp: 48000 + uint32(n)*960, SSRC: 77, Padding: true}
	return g.seal(&h, []byte{0, 0, 0, 4})
}

// heard keeps the payloads that a Sink gets.
type heard [][]byte

func (h *heard) Write(p media.Packet) error {
	*h = append(*h, p.Payload)
	return nil
}

func TestPublisher_RedundantSoundFillsWhatIsLost(t *testing.T) {
	for _, c := range []struct {
		says  string
		steps string // m for a packet, p for padding, M and P where it is lost
		back  uint16 // packets that each carries
		lacks uint16 // the one that can't be had, if any
		first uint16 // packets that were said before the publisher is heard
	}{
		{says: "nothing is lost", steps: "mmmm", back: 1},
		{says: "nothing is carried", steps: "mmmm"},
		{says: "one is lost", steps: "mMmm", back: 1},
		{says: "every second is lost", steps: "mMmMm", back: 1},
		{says: "two in a row are lost, and one is carried", steps: "mMMmm", back: 1, lacks: 1},
		{says: "two in a row are lost, and two are carried", steps: "mMMmm", back: 2},
		{says: "one before padding is lost", steps: "mMpm", back: 1},
		{says: "one with padding behind it is lost", steps: "mMPm", back: 1},
		{says: "padding is lost", steps: "mmPmm", back: 2},
		{says: "the first carry what is older than they", steps: "mmMm", back: 7, first: 9},
	} {
		t.Run(c.says, func(t *testing.T) {
			g := newRig(t, 1, Config{}, redOffer, watchOffer)
			var tapped heard
			if _, err := g.publisher.Tap(media.Audio, &tapped); err != nil {
				t.Fatal(err)
			}
			var want []uint16
			g.on(func(s *shard) {
				n := c.first
				for number, step := range c.steps {
					b := g.padding(uint16(number), n-1)
					if step == 'm' || step == 'M' {
						b = g.sound(uint16(number), n, c.back)
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
					t.Errorf("%v are missing still", missing)
				}
			})
			got := slices.DeleteFunc(g.opened(0, 100e6), func(p rtp.Packet) bool { return len(p.Payload) == 0 })
			tapped = slices.DeleteFunc(tapped, func(b []byte) bool { return len(b) == 0 })
			if len(got) != len(want) || len(tapped) != len(want) {
				t.Fatalf("%d packets came and %d to the sink, want %d: %v", len(got), len(tapped), len(want), got)
			}
			for i, n := range want {
				p := got[i]
				if p.PayloadType != 111 || !bytes.Equal(p.Payload, said(n)) || p.Timestamp-got[0].Timestamp != uint32(n-c.first)*960 {
					t.Errorf("packet %d of type %d, at %d, is %q; want %q", i, p.PayloadType, p.Timestamp-got[0].Timestamp, p.Payload, said(n))
				}
				if !bytes.Equal(tapped[i], said(n)) {
					t.Errorf("the sink got %q, want %q", tapped[i], said(n))
				}
			}
		})
	}
}

// TestSubscription_CoversSoundWhileMuchIsLost: redundant sound goes to whom it helps, as long
// as it does, and to nobody else. What was sent in one form is sent again in that form.
// A loser is a viewer of sound whose path can lose much.
type lossyListener struct {
	*testBench
	sub    *Subscriber
	u      *Subscription
	number uint16                // of the next packet of sound
	known  map[uint16]rtp.Packet // what came, by number
}

func newLoser(t *testing.T) *lossyListener {
	t.Helper()
	g := newRig(t, 1, Config{}, plainRED, redWatch)
	return &lossyListener{testBench: g, sub: g.viewers[0], u: g.viewers[0].subs[0], known: map[uint16]rtp.Packet{}}
}

// play has the publisher send some packets.
func (l *lossyListener) play(packets int) {
	l.on(func(s *shard) {
		for range packets {
			h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: l.number, Timestamp: uint32(l.number) * 960, SSRC: 77}
			l.publisher.receiveMedia(s, l.seal(&h, said(l.number)))
			s.flushBursts()
			l.number++
		}
	})
}

// loses has every tenth packet asked for.
func (l *lossyListener) loses(turns int) {
	for range turns {
		l.play(redWindow)
		l.on(func(s *shard) {
			for n := uint64(9); n < redWindow; n += 10 {
				l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: uint16(l.u.forwarder.lastSent - redWindow + n)}})
			}
			l.sub.tickSlow(s)
		})
	}
}

// came returns what came; under one number it must always be the same.
func (l *lossyListener) came() []rtp.Packet {
	l.t.Helper()
	all := l.opened(0, 50e6)
	for _, p := range all {
		before, again := l.known[p.SequenceNumber]
		if again && (p.PayloadType != before.PayloadType || p.Timestamp != before.Timestamp || !bytes.Equal(p.Payload, before.Payload)) {
			l.t.Errorf("%v was sent under the number of %v", p, before)
		}
		l.known[p.SequenceNumber] = p
	}
	return all
}

// expectCover holds a packet of redundant sound against what was said last.
func (l *lossyListener) expectCover(payload []byte) {
	l.t.Helper()
	var room [4]media.REDBlock
	blocks, ok := media.DecodeRED(payload, room[:0])
	if !ok || len(blocks) != redDepth+1 {
		l.t.Fatalf("%+v, %v; want %d blocks", blocks, ok, redDepth+1)
	}
	for i, b := range blocks {
		back := uint16(redDepth - i)
		if b.PayloadType != 111 || b.TimestampOffset != 960*uint32(back) || !bytes.Equal(b.Data, said(l.number-1-back)) {
			l.t.Errorf("block %d is of %d, %d before: %q; want %q", i, b.PayloadType, b.TimestampOffset, b.Data, said(l.number-1-back))
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

func TestSubscription_CoversSoundWhileMuchIsLost(t *testing.T) {
	l := newLoser(t)
	l.on(func(*shard) { l.sub.transport.roundTrip = 20e6 })
	l.loses(6)
	if seen := formats(l.came()); seen[63] > 0 || seen[111] == 0 {
		t.Fatalf("%v came by type on a short path, want Opus alone", seen)
	}
	l.on(func(*shard) { l.sub.transport.roundTrip = 200e6 })
	l.loses(1)
	l.came()
	l.play(1)
	got := l.came()
	if len(got) != 1 || got[0].PayloadType != 63 {
		t.Fatalf("%v came on a long path that loses a tenth, want redundant sound", got)
	}
	if stats := l.engine.Stats(); stats.RedundantSubscriptions != 1 || stats.RedundantBytes < uint64(redDepth*len(said(0))) {
		t.Errorf("the engine counts %d subscriptions with cover and %d bytes for it", stats.RedundantSubscriptions, stats.RedundantBytes)
	}
	l.expectCover(got[0].Payload)
	l.on(func(s *shard) {
		change := uint16(l.u.red.changedAt)
		l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: change - 1}})
		l.u.receiveNACK(s, []rtcp.NackPair{{PacketID: change}})
	})
	if seen := formats(l.came()); seen[111] != 1 || seen[63] != 1 {
		t.Errorf("%v were sent again by type, want one of each form", seen)
	}
	for range 30 {
		l.play(redWindow)
		l.on(l.sub.tickSlow)
	}
	l.came()
	l.play(1)
	if got := l.came(); len(got) != 1 || got[0].PayloadType != 111 {
		t.Errorf("%v came when nothing was lost any more, want Opus alone", got)
	}
	before := l.engine.Stats()
	l.play(1)
	if after := l.engine.Stats(); after.RedundantSubscriptions != 0 || after.RedundantBytes != before.RedundantBytes {
		t.Errorf("the engine counts %d subscriptions with cover still, and %d bytes for it after %d", after.RedundantSubscriptions, after.RedundantBytes, before.RedundantBytes)
	}
}

func TestCover_IsTakenWhereItHelps(t *testing.T) {
	for _, c := range []struct {
		says      string
		cover     redSwitch
		asked     int // of each turn
		reported  float64
		roundTrip time.Duration
		want      bool
	}{
		{"an offer without it", redSwitch{nacks: true}, 10, 0.1, 200e6, false},
		{"nothing lost", redSwitch{payloadType: 63, nacks: true}, 0, 0, 200e6, false},
		{"a little lost", redSwitch{payloadType: 63, nacks: true}, 0, 0.015, 200e6, false},
		{"much asked for, and repaired too late", redSwitch{payloadType: 63, nacks: true}, 3, 0, 200e6, true},
		{"much asked for, and repaired in time", redSwitch{payloadType: 63, nacks: true}, 3, 0, 20e6, false},
		{"much asked for, nobody knows how late", redSwitch{payloadType: 63, nacks: true}, 3, 0, 0, false},
		{"much reported, and nothing repaired", redSwitch{payloadType: 63}, 0, 0.05, 20e6, true},
	} {
		next := uint64(1000)
		for range 20 {
			for i := range c.asked {
				c.cover.countNACK(uint16(next) + uint16(i))
			}
			next += redWindow
			c.cover.update(next, c.reported, c.roundTrip)
		}
		if c.cover.enabled != c.want {
			t.Errorf("%s: cover %v, want %v", c.says, c.cover.enabled, c.want)
		}
	}
}

func TestCover_ANumberKeepsItsFormWhileItMayBeSentAgain(t *testing.T) {
	c := redSwitch{payloadType: 63}
	p := &media.Packet{REDPrefix: []byte{0}}
	forms := map[uint64]bool{}
	for next := uint64(1); next < 5000; next++ {
		forms[next-1] = len(c.blocksFor(p, next-1)) > 0
		c.update(next, float64(next%3)/10, 0) // it changes its mind as often as it may
		for n := next - min(next, audioRingSize); n < next; n++ {
			if now := len(c.blocksFor(p, n)) > 0; now != forms[n] {
				t.Fatalf("at %d, %d is covered: %v, it was %v", next, n, now, forms[n])
			}
		}
	}
	if c.changedAt == 0 {
		t.Error("it never changed")
	}
}

func TestSound_IsCoveredWithoutAllocations(t *testing.T) {
	g := newRig(t, 10, Config{}, redOffer, redWatch)
	const rounds = 2000
	var packets [][]byte
	for i := range uint16(rounds + 300) {
		packets = append(packets, g.sound(i, i, 1))
	}
	g.on(func(s *shard) {
		for _, v := range g.viewers {
			v.subs[0].red.toggle(v.subs[0].forwarder.lastSent + 1)
			v.subs[0].red.enabled = true
		}
		next := 0
		turn := func() {
			if next%20 != 19 { // the others are filled in
				g.publisher.receiveMedia(s, packets[next])
				s.flushBursts()
			}
			next++
		}
		for range 200 {
			turn()
		}
		if n := testing.AllocsPerRun(rounds, turn); n > 0.1 {
			t.Errorf("%.2f allocations for a packet to ten viewers", n)
		}
	})
	if n := g.viewers[0].subs[0].counts.packets; n < rounds {
		t.Errorf("%d packets were sent, want %d", n, rounds)
	}
}
