package sfu

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// eventLog collects events, in a test with its own clock.
type eventLog struct {
	mu  sync.Mutex
	all []Event
}

func (k *eventLog) notify(e Event) {
	k.mu.Lock()
	k.all = append(k.all, e)
	k.mu.Unlock()
}

// wait waits until the router has delivered its events, and returns them.
func (k *eventLog) wait(r *Router) []Event {
	done := make(chan struct{})
	r.events.enqueue(func(Event) { close(done) }, Connected{})
	<-done
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Event(nil), k.all...)
}

// sps720 is a STAP-A with a parameter set of 1280x720 and an IDR slice.
const sps720 = "\x18\x00\x1a\x67\x42\xc0\x1f\xd9\x00\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x24\x80\x01\x00\x02\x68\xce\x00\x02\x65\x88"

// play passes seconds of video and audio to a shard with its own clock, 50 packets per second
// each.
func (g *testBench) play(s *shard, from time.Duration, seconds int, video, audio [][]byte) (now time.Duration) {
	now = from
	for i := range seconds * 50 {
		s.now = now
		if i < len(video) {
			g.publisher.transport.receive(s, video[i])
		}
		if i < len(audio) {
			g.publisher.transport.receive(s, audio[i])
		}
		s.flushBursts()
		g.publisher.tick(s)
		now += 20e6
	}
	return now
}

func TestPublisher_SendsEventsForStartSizeLimitsAndSilence(t *testing.T) {
	g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	var k eventLog
	var video, audio [][]byte
	for i := range uint16(300) {
		body := "\x41" + string(make([]byte, 1100)) // 440 kbps
		if i == 0 {
			body = sps720
		}
		video = append(video, g.video(i, 78, body))
		h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: i, SSRC: 77, Timestamp: uint32(i) * 960}
		_ = h.SetExtension(1, []byte{20}) // loud
		audio = append(audio, g.encrypt(&h, make([]byte, 80)))
	}
	var spoke eventLog
	g.onShard(func(s *shard) {
		g.publisher.transport.notify, g.router.cfg.Notify = k.notify, spoke.notify
		g.publisher.cfg.MaxPixels, g.publisher.cfg.MaxBitrate = 640*360, 400_000
		now := g.play(s, s.now, 6, video, audio)
		g.play(s, now, 4, nil, nil)
	})
	counts := map[string]int{}
	for _, e := range k.wait(g.router) {
		switch e := e.(type) {
		case MediaStarted:
			counts["started "+e.Kind.String()]++
		case MediaStopped:
			counts["stopped "+e.Kind.String()]++
		case LimitExceeded:
			counts["limit "+string(e.Limit)]++
			if e.Limit == LimitPixels && (e.Width != 1280 || e.Height != 720) || e.Limit == LimitBitrate && e.Bitrate < 400_000 {
				t.Errorf("measured %+v", e)
			}
		case LayersChanged:
			counts["layers"]++
		}
	}
	for _, want := range []string{"started audio", "started video", "stopped audio", "stopped video", "limit resolution", "limit bitrate"} {
		if counts[want] != 1 {
			t.Errorf("%q was sent %d times, want once: %v", want, counts[want], counts)
		}
	}
	if counts["layers"] != 2 {
		t.Errorf("layers changed %d times, want at the start and the end", counts["layers"])
	}
	var who []string
	for _, e := range spoke.wait(g.router) {
		who = append(who, e.(ActiveSpeakerChanged).Participant)
	}
	if len(who) != 2 || who[0] != "p" || who[1] != "" {
		t.Errorf("the speakers are %q, want p and then nobody", who)
	}
}

// The size is that of a keyframe, or of a spatial layer or a change that follows it.
func TestPublisher_LimitsTheSizeOfEachCodec(t *testing.T) {
	const vp9Small, vp9Large = "\x82\x49\x83\x42\x00\x13\xf0\x0b\x36\x06\x38", "\x82\x49\x83\x42\x00\x4f\xf0\x2c\xf6\x06\x38"
	const vp9Layer = "\x87\x02\x00\x00\x09\xfe\x05\x9e\x00\x00"
	for _, c := range []struct {
		name, codec string
		payloads    []string
	}{
		{"H.264", "H264", []string{sps720}},
		{"VP8", "VP8", []string{"\x10\x10\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02"}},
		{"VP9", "VP9", []string{"\x8c\x81\x23" + vp9Large}},
		{"a spatial layer of VP9", "VP9", []string{"\xa8\x81\x23\x00\x05" + vp9Small, "\xa4\x81\x23\x03\x05end", "\xac\x81\x23\x03\x05" + vp9Layer}},
		{"VP9 that grows", "VP9", []string{"\x8c\x81\x23" + vp9Small, "\xcc\x81\x24" + vp9Layer}},
		{"AV1", "AV1", []string{"\x28\x0d\x0a\x0b\x00\x00\x00\x2d\x4c\xff\xb3\xcd\xaf\x90\x04\x30\x10key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			offer := func(sdp string) string {
				return strings.NewReplacer("H264/90000", c.codec+"/90000", "VP8/90000", "unknown/90000").Replace(sdp)
			}
			g := newTestBench(t, 0, Config{}, offer(singleOffer), offer(watchOffer))
			var k eventLog
			var video [][]byte
			for i, p := range c.payloads {
				video = append(video, g.video(uint16(i), 78, p))
			}
			g.onShard(func(s *shard) {
				g.publisher.transport.notify = k.notify
				g.publisher.cfg.MaxPixels = 640 * 360
				g.play(s, s.now, 2, video, nil)
			})
			for _, e := range k.wait(g.router) {
				if limit, ok := e.(LimitExceeded); ok && limit.Limit == LimitPixels && limit.Width == 1280 && limit.Height == 720 {
					return
				}
			}
			t.Error("a picture of 1280x720 is within a limit of 640x360")
		})
	}
}

func TestPublisher_MutedMediaNeverStops(t *testing.T) {
	g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	var k eventLog
	g.publisher.SetMuted(media.Video, true)
	first := [][]byte{g.video(0, 78, idr), g.video(1, 78, "\x41x")}
	g.onShard(func(s *shard) {
		g.publisher.transport.notify = k.notify
		g.play(s, s.now, 8, first, nil)
	})
	for _, e := range k.wait(g.router) {
		if stopped, ok := e.(MediaStopped); ok {
			t.Errorf("got %+v", stopped)
		}
	}
}

func TestPublisher_ContinuesWhenItsSSRCChanges(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	var packets [][]byte
	for i := range uint16(20) {
		ssrc, n := uint32(78), i
		if i >= 10 {
			ssrc, n = 79, 40_000+i
		}
		body := "\x41x"
		if i%10 == 0 {
			body = idr
		}
		packets = append(packets, g.video(n, ssrc, body))
	}
	g.onShard(func(s *shard) {
		now := g.play(s, s.now, 1, packets[:10], nil)
		g.play(s, now+3e9, 1, packets[10:], nil)
	})
	got := g.received(0, 200e6)
	if len(got) != 20 {
		t.Fatalf("%d packets were received, want 20", len(got))
	}
	for i, p := range got[1:] {
		if p.SequenceNumber != got[i].SequenceNumber+1 || int32(p.Timestamp-got[i].Timestamp) <= 0 {
			t.Errorf("packet %d at %d follows %d at %d", p.SequenceNumber, p.Timestamp, got[i].SequenceNumber, got[i].Timestamp)
		}
	}
}

func TestPublisher_ReportsEarlyPacketsWithTheirArrivalTime(t *testing.T) {
	numbered := strings.Replace(singleOffer, "a=extmap:1 urn", "a=extmap:5 "+sdp.ExtTransportCC+"\na=extmap:1 urn", 1)
	g := newTestBench(t, 0, Config{}, numbered, watchOffer)
	p := g.publisher
	var came [][]byte
	for i := range uint16(3) {
		h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: i, SSRC: 77, Timestamp: uint32(i) * 960}
		_ = h.SetExtension(5, []byte{0, byte(7 + i)})
		came = append(came, g.encrypt(&h, make([]byte, 80)))
	}
	g.onShard(func(s *shard) {
		began := s.now
		p.transport.mediaReady = false
		for i, b := range came {
			s.now = began + time.Duration(i)*5*time.Millisecond
			p.transport.receive(s, b)
		}
		s.now = began + 40e6
		p.transport.mediaReady = true
		p.transport.receiveEarly(s)
		if s.now != began+40e6 {
			t.Errorf("the clock is off by %v afterwards", began+40e6-s.now)
		}
		for i := range came {
			if at := p.twcc.times[(uint64(7+i)|1<<16)%twccWindow] - 1; at != began+time.Duration(i)*5*time.Millisecond {
				t.Errorf("packet %d is reported %v after the first, want %v", i, at-began, time.Duration(i)*5*time.Millisecond)
			}
		}
	})
}
