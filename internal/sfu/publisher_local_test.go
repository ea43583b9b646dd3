package sfu_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

// Who joins a source that can't be asked for a keyframe begins with its last one.
func TestRouter_PublishesFramesOfThisProcess(t *testing.T) {
	e := listen(t, nil)
	router := e.NewRouter(sfu.RouterConfig{})
	ev := newEvents()
	p, err := router.PublishFrames(sfu.PublishConfig{Participant: "alice", Notify: ev.notify}, nil)
	if err != nil {
		t.Fatal(err)
	}
	slice := func(kind byte, size int) []byte { // 0x88: it is the first of its picture
		return append([]byte{kind, 0x88}, bytes.Repeat([]byte{7}, size)...)
	}
	sps, pps := []byte{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8}, []byte{0x68, 0xce, 0x3c, 0x80}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			at := time.Duration(n) * 40 * time.Millisecond
			units := [][]byte{{9, 0xf0}, slice(0x41, 300)}
			if n == 0 { // the only one
				units = [][]byte{{9, 0xf0}, sps, pps, slice(0x65, 3000)}
			}
			p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Video, Units: units, Time: at})
			p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Audio, Units: [][]byte{{0xfc, 1, 2}}, Time: at, Level: 30})
			time.Sleep(5 * time.Millisecond)
		}
	}()
	ev.await(t, ctx, "the start of media", is[sfu.MediaStarted])
	time.Sleep(200 * time.Millisecond) // a group of pictures to catch up with
	viewer := newPeer(t, nil).subscribe()
	_, answer, err := router.NewViewer("bob").Subscribe(p, viewer.offer(), sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	viewer.accept(answer)
	var kinds []byte
	for track := viewer.track(ctx, webrtc.RTPCodecTypeVideo); len(kinds) < 4; {
		if err := track.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		packet, _, err := track.ReadRTP()
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, packet.Payload[0]&0x1f)
	}
	if !bytes.Equal(kinds, []byte{24, 28, 28, 28}) {
		t.Errorf("the first packets are %v, want the parameter sets (24) and the keyframe (28)", kinds)
	}
	p.Close("")
	ev.await(t, ctx, "the end", is[sfu.Closed])
	if n := e.Stats().HalfOpen; n != 0 {
		t.Errorf("%d transports count as half open", n)
	}
}

// A tap that begins in a group of pictures gets all of it, each packet once, and the audio of
// that time, with the times of their arrival.
func TestPublisher_TapBeginsWithTheStoredKeyframeGroup(t *testing.T) {
	e := listen(t, nil)
	ev := newEvents()
	p, err := e.NewRouter(sfu.RouterConfig{}).PublishFrames(sfu.PublishConfig{Participant: "alice", Notify: ev.notify}, nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int) {
		slice := []byte{0x41, 0x88, byte(n)}
		units := [][]byte{slice}
		if n == 0 || n == 5 {
			slice[0] = 0x65
			units = [][]byte{{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8}, {0x68, 0xce, 0x3c, 0x80}, slice}
		}
		at := time.Duration(n) * 40 * time.Millisecond
		p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Video, Units: units, Time: at},
			sfu.LocalFrame{Kind: housemedia.Audio, Units: [][]byte{{0xfc, byte(n)}}, Time: at})
	}
	ctx := within(t, 20*time.Second)
	for n := range 10 {
		write(n)
	}
	ev.await(t, ctx, "the start of media", is[sfu.MediaStarted])
	var first sink // to wait for what was written
	detach, err := p.Tap(housemedia.Audio, &first)
	if err != nil {
		t.Fatal(err)
	}
	for first.last() != 9 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	detach()
	before := time.Now()
	var video, audio sink
	for kind, k := range map[housemedia.Kind]*sink{housemedia.Video: &video, housemedia.Audio: &audio} {
		detach, err := p.Tap(kind, k)
		if err != nil {
			t.Fatal(err)
		}
		defer detach()
	}
	write(10)
	expect := func(k *sink, from int) {
		t.Helper()
		for k.last() != 10 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		next := byte(from)
		k.mu.Lock()
		defer k.mu.Unlock()
		for i, packet := range k.packets {
			if i > 0 && packet.Sequence != k.packets[i-1].Sequence+1 {
				t.Errorf("packet %d has number %d", i, packet.Sequence)
			}
			if len(packet.Payload) > 3 {
				continue // the parameter sets
			}
			if n := packet.Payload[len(packet.Payload)-1]; n != next {
				t.Errorf("packet %d is of frame %d, not %d", i, n, next)
			}
			if at := p.ArrivedAt(packet); next < 10 && at.After(before) {
				t.Errorf("frame %d arrived %v after it was written", next, at.Sub(before))
			}
			next++
		}
		if next != 11 {
			t.Errorf("the next frame is %d, not 11", next)
		}
	}
	expect(&video, 5)
	expect(&audio, 0)
}

// A source that can't be asked for a keyframe has layers: a viewer that changes between them
// is sent the old one until the new one's next keyframe.
func TestRouter_SwitchesLayersOfFramesAtTheNextKeyframe(t *testing.T) {
	const group = 60 // pictures
	e := listen(t, nil)
	router := e.NewRouter(sfu.RouterConfig{})
	ev := newEvents()
	p, err := router.PublishFrames(sfu.PublishConfig{Participant: "alice", Notify: ev.notify}, []string{"hi", "mid", "low"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 60*time.Second)
	sps, pps := []byte{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8}, []byte{0x68, 0xce, 0x3c, 0x80}
	picture := func(layer byte, n int) [][]byte {
		slice := append([]byte{0x41, 0x88}, bytes.Repeat([]byte{layer}, 200)...)
		if n%group != 0 {
			return [][]byte{slice}
		}
		slice[0] = 0x65
		return [][]byte{sps, pps, slice}
	}
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			at := time.Duration(n) * 10 * time.Millisecond
			p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Video, Layer: 0, Units: picture('h', n), Time: at})
			p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Video, Layer: 2, Units: picture('l', n), Time: at})
			time.Sleep(10 * time.Millisecond)
		}
	}()
	ev.await(t, ctx, "the start of media", is[sfu.MediaStarted])
	viewer := newPeer(t, nil).subscribe()
	sub, answer, err := router.NewViewer("bob").Subscribe(p, viewer.offer(), sfu.SubscribeConfig{Choice: sfu.Choice{Layer: "low"}})
	if err != nil {
		t.Fatal(err)
	}
	viewer.accept(answer)
	track := viewer.track(ctx, webrtc.RTPCodecTypeVideo)
	layer := func(payload []byte) byte { return payload[len(payload)-1] }
	read := func() *rtp.Packet {
		t.Helper()
		for {
			if err := track.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			packet, _, err := track.ReadRTP()
			if err != nil {
				t.Fatal(err)
			}
			if kind := packet.Payload[0] & 0x1f; kind == 1 || kind == 5 { // not the parameter sets
				return packet
			}
		}
	}
	for _, c := range []struct{ from, to byte }{{'l', 'h'}, {'h', 'l'}} {
		last := read()
		for range 20 { // it flows
			last = read()
		}
		if layer(last.Payload) != c.from {
			t.Fatalf("layer %c flows, not %c", layer(last.Payload), c.from)
		}
		if err := sub.Choose(sfu.Choice{Layer: map[byte]string{'h': "hi", 'l': "low"}[c.to]}); err != nil {
			t.Fatal(err)
		}
		for {
			next := read()
			// A packet of each picture: parameter sets may be between.
			if gap := next.Timestamp - last.Timestamp; gap > 90_000/2 {
				t.Errorf("the picture stops for %d ticks, or goes back", int32(gap))
			}
			if layer(next.Payload) == c.to {
				if next.Payload[0]&0x1f != 5 {
					t.Errorf("layer %c begins with a picture of kind %d", c.to, next.Payload[0]&0x1f)
				}
				break
			}
			last = next
		}
	}
}

func TestPublisher_WritesAllFramesBeforeItCloses(t *testing.T) {
	const frames = 500 // more than wait for the shard
	p, err := listen(t, nil).NewRouter(sfu.RouterConfig{}).PublishFrames(sfu.PublishConfig{Participant: "alice"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var audio sink
	if _, err := p.Tap(housemedia.Audio, &audio); err != nil {
		t.Fatal(err)
	}
	for n := range frames {
		p.WriteFrames(sfu.LocalFrame{Kind: housemedia.Audio, Units: [][]byte{{0xfc, byte(n)}}, Time: time.Duration(n) * 20 * time.Millisecond})
	}
	p.Close("")
	audio.mu.Lock()
	defer audio.mu.Unlock()
	for i, packet := range audio.packets {
		if packet.Payload[1] != byte(i) {
			t.Fatalf("packet %d is of frame %d", i, packet.Payload[1])
		}
	}
	if len(audio.packets) != frames {
		t.Errorf("%d of %d frames are written", len(audio.packets), frames)
	}
}
