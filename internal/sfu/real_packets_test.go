package sfu

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// A packet with padding, one of nothing but padding, and one without: neither the padding bit
// nor a gap may reach viewers or recordings.
func TestSubscription_ForwardsNoPadding(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	var kept payloadSink
	g.onShard(func(s *shard) {
		g.publisher.taps = append(g.publisher.taps, &tap{sink: &kept, track: g.publisher.track(media.Audio), forwarder: newForwarder(media.Opus, 1)})
		for _, text := range []string{
			"a06f00010000000011223344" + "f8fffe" + "00000004",
			"a06f0002000003c011223344" + "0000000000000008",
			"806f00030000078011223344" + "f8fffe",
		} {
			plain, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			b, err := g.encryptSource.EncryptRTP(nil, plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			g.publisher.transport.receive(s, b)
			s.flushBursts()
		}
	})
	got := g.received(0, 100*time.Millisecond)
	if len(got) != 2 || got[1].SequenceNumber != got[0].SequenceNumber+1 || got[1].Timestamp-got[0].Timestamp != 1920 {
		t.Fatalf("got %+v", got)
	}
	for _, p := range got {
		if p.Padding || p.PaddingSize > 0 || string(p.Payload) != "\xf8\xff\xfe" {
			t.Errorf("got %+v", p)
		}
	}
	if all := texts(kept); !slices.Equal(all, []string{"\xf8\xff\xfe", "\xf8\xff\xfe"}) {
		t.Errorf("a recording got %q", all)
	}
}

// An offer may list header extensions that no packet has.
func TestPublisher_NeedsNoHeaderExtensions(t *testing.T) {
	offer := strings.ReplaceAll(singleOffer, "a=extmap:1 urn", "a=extmap:12 "+sdp.ExtMID+"\na=extmap:13 "+sdp.ExtTransportCC+"\na=extmap:1 urn")
	for _, announced := range []bool{true, false} {
		g := newTestBench(t, 1, Config{}, offer, watchOffer)
		ssrc := uint32(78)
		if !announced {
			ssrc = 12345
		}
		g.onShard(func(s *shard) {
			g.publisher.transport.receive(s, g.video(1, ssrc, idr))
			g.publisher.transport.receive(s, g.encrypt(&rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: 1, SSRC: 77}, []byte("audio")))
			s.flushBursts()
		})
		var types []uint8
		for _, p := range g.received(0, 100*time.Millisecond) {
			types = append(types, p.PayloadType)
		}
		if slices.Sort(types); !slices.Equal(types, []uint8{106, 111}) {
			t.Errorf("announced %v: a viewer got payload types %d", announced, types)
		}
	}
}

// Transport-wide numbers are those of one path: each viewer has its own, under its own id.
func TestSubscription_NumbersPacketsForItsOwnPath(t *testing.T) {
	offer := strings.Replace(browserOffer, "a=mid:1\n", "a=mid:1\na=extmap:13 "+sdp.ExtTransportCC+"\n", 1)
	g := newTestBench(t, 0, Config{}, offer, watchOffer)
	ids := []uint8{5, 7}
	for _, id := range ids {
		g.subscribe(1, strings.Replace(watchOffer, "a=extmap:3 ", "a=extmap:"+string('0'+rune(id))+" ", 1))
	}
	g.onShard(func(s *shard) {
		for i := range uint16(20) {
			h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: i, Timestamp: uint32(i) * 3000, SSRC: 900, Marker: true}
			_ = h.SetExtension(10, []byte("hi"))
			_ = h.SetExtension(13, []byte{0xbe, 0xef})
			g.publisher.transport.receive(s, g.encrypt(&h, []byte(idr)))
			s.flushBursts()
		}
	})
	for viewer, id := range ids {
		got := g.received(viewer, 100*time.Millisecond)
		if len(got) != 20 {
			t.Fatalf("viewer %d got %d packets", viewer, len(got))
		}
		for i, p := range got {
			if have := p.GetExtensionIDs(); !slices.Equal(have, []uint8{id}) {
				t.Fatalf("viewer %d got the extensions %d, want %d", viewer, have, id)
			}
			if i > 0 && binary.BigEndian.Uint16(p.GetExtension(id)) != binary.BigEndian.Uint16(got[i-1].GetExtension(id))+1 {
				t.Errorf("viewer %d: %x follows %x", viewer, p.GetExtension(id), got[i-1].GetExtension(id))
			}
		}
	}
}
