//go:build cgo

package compose

import (
	"context"
	"fmt"
	"image"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/layout"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// A stranger publishes RTP packets as they are.
type stranger struct {
	pc           *webrtc.PeerConnection
	video, audio *webrtc.TrackLocalStaticRTP
	asked        atomic.Int64 // for keyframes
}

// let has a stranger onto the stage who sends pictures in one codec.
func (s *stage) let(t *testing.T, mime string) *stranger {
	t.Helper()
	raw, _ := s.token("PUBLISH")
	token, err := realtime.ReadToken(raw)
	if err != nil {
		t.Fatal(err)
	}
	p := &stranger{}
	if p.pc, err = webrtc.NewPeerConnection(webrtc.Configuration{}); err != nil {
		t.Fatal(err)
	}
	p.video = p.send(t, webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000}, "video")
	p.audio = p.send(t, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio")
	connected := make(chan struct{})
	p.pc.OnConnectionStateChange(func(is webrtc.PeerConnectionState) {
		if is == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, token.WHIPURL, strings.NewReader(p.pc.LocalDescription().SDP))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+raw)
	r.Header.Set("Content-Type", "application/sdp")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("publish: %s %v\n%s", answer.Status, err, text)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(text)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-time.After(20 * time.Second):
		t.Fatal("the stranger is not connected after 20 s")
	}
	return p
}

func (p *stranger) send(t *testing.T, c webrtc.RTPCodecCapability, name string) *webrtc.TrackLocalStaticRTP {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(c, name, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	sender := transceiver.Sender()
	codecs := slices.DeleteFunc(sender.GetParameters().Codecs, func(known webrtc.RTPCodecParameters) bool { return known.MimeType != c.MimeType })
	if err := transceiver.SetCodecPreferences(codecs); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the connection
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, r := range packets {
				switch r.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					p.asked.Add(1)
				}
			}
		}
	}()
	return track
}

// perform sends a hostility, with noise for sound, for a while.
func (p *stranger) perform(ctx context.Context, h hostility) (pictures int) {
	tick := time.NewTicker(time.Second / time.Duration(h.rate))
	defer tick.Stop()
	began := time.Now()
	var sequence, sound uint16
	for ; ; pictures++ {
		at := uint32(time.Since(began) * 9 / 100_000)
		payloads := h.pictures[pictures%len(h.pictures)]
		for i, payload := range payloads {
			sequence++
			header := rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: at, Marker: i == len(payloads)-1}
			_ = p.video.WriteRTP(&rtp.Packet{Header: header, Payload: payload}) // it may be shown out, which the others must bear
			if i%50 == 49 {
				time.Sleep(time.Millisecond) // not to lose them on our own doorstep
			}
		}
		sound++
		noise := []byte{byte(pictures), byte(pictures * 7), 0xff, byte(pictures * 31), 0x80, 3}
		_ = p.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: sound, Timestamp: at / 15 * 8, Marker: true}, Payload: noise[:1+pictures%5]})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return pictures
		}
	}
}

// peak is the most memory that a process ever had, in MiB.
func peak(t *testing.T, pid int) (mib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in\n%s", status)
	}
	_, _ = fmt.Sscan(string(found[1]), &mib)
	return mib / 1024
}

// bear has strangers on the stage for a while, each with a hostility.
func (s *stage) bear(t *testing.T, some []hostility) {
	t.Helper()
	strangers := make([]*stranger, len(some))
	for i, h := range some {
		strangers[i] = s.let(t, h.mime)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // longer than damage is held back
	defer cancel()
	var performing sync.WaitGroup
	for i, h := range some {
		p := strangers[i]
		performing.Go(func() {
			sent := p.perform(ctx, h)
			t.Logf("%s: %d pictures, asked for a keyframe %d times", h.name, sent, p.asked.Load())
			if err := p.pc.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	performing.Wait()
}

func TestComposition_BearsHostileMembers(t *testing.T) {
	s := openKept(t)
	out, err := s.client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.stageARN, Capabilities: []ivsrealtime.Capability{"PUBLISH"}, Attributes: map[string]string{"window": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.perform(out.ParticipantToken.Token, "--size", "640x360")
	arn, folder := s.startWith(&ivsrealtime.LayoutConfiguration{Pip: &ivsrealtime.PipConfiguration{ // its place is its own, whoever else is there
		PipParticipantAttribute: "window", PipWidth: new(640), PipHeight: new(360), PipPosition: "BOTTOM_RIGHT", PipBehavior: "STATIC",
	}})
	s.awaitComposition(arn, "a segment", segment(folder, 0))
	worker := s.worker(t)
	atOnce := 2
	if measured() {
		atOnce = 1
	}
	for some := range slices.Chunk(hostilities(t), atOnce) {
		s.bear(t, some)
		s.awaitComposition(arn, "ACTIVE", composing)
		if now := s.worker(t); now != worker {
			t.Fatalf("worker %d was ended by %s, or by who came beside", worker, some[0].name)
		}
		t.Logf("the worker had at most %d MiB", peak(t, worker))
		fetch(t, s.running.URL+"/healthz")
	}
	if limit := peak(t, worker); limit > 400 {
		t.Errorf("the worker had %d MiB", limit)
	}
	busy := s.tooBusy()
	s.stop(arn)
	s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session End")
	if busy != "" {
		t.Skip(busy)
	}
	s.expectGoesOn(folder, testpattern.IdentityOf(out.ParticipantToken.ParticipantID))
}

// expectGoesOn holds a recording to show one participant in a window of its own to
// the end, with what it sent lately.
func (s *studio) expectGoesOn(folder string, identity uint16) {
	s.t.Helper()
	f := watch(s.t, folder)
	w := window{origin: image.Pt(640, 360), scale: 1, cell: 16, tile: layout.Tile{}}
	seen, missed := 0, 0
	var age, worst time.Duration
	f.each(func(n int, img *image.YCbCr) {
		m, ok := w.mark(img, f.wall(n))
		switch {
		case ok && m.Identity == identity:
			seen++
			age = f.wall(n).Sub(m.Sent)
			worst = max(worst, age)
		case seen > 0:
			missed++
		}
	})
	s.t.Logf("%d of %d pictures show the honest member, at most %v old", seen, len(f.pictures), worst.Round(time.Millisecond))
	if seen < len(f.pictures)*9/10 || missed > len(f.pictures)/100 || age > 5*time.Second { // busy machines are late
		s.t.Errorf("of %d pictures %d show the honest member, %d after it came don't; the last is %v old", len(f.pictures), seen, missed, age)
	}
}
