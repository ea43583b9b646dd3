package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/stage"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
	handmade "rostrum/test/encoder"
)

// A received frame of either medium.
type received struct {
	realtime.Received
	codec media.Codec
}

// view subscribes to the ingest configuration's participant by WebRTC, until the test ends.
func (s *fixture) view(t *testing.T) <-chan received {
	t.Helper()
	g := authority.Grant{Account: "111122223333", Region: "eu-west-1", Claims: token.Claims{ParticipantID: "viewer", StageARN: s.stage.ARN, Subscribe: true}}
	var c *stage.Connection
	whep := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		var offer bytes.Buffer
		_, _ = offer.ReadFrom(r.Body)
		var answer string
		var err error
		if c, answer, err = s.stages.Subscribe(g, stage.PublisherRef{ID: s.config.ParticipantID}, offer.String(), stage.Client{}); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/"+c.ID())
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(whep.Close)
	frames := make(chan received, 1000)
	sub, err := realtime.Subscribe(t.Context(), realtime.Endpoint{URL: whep.URL}, realtime.SubscribeConfig{Network: realtime.UDPOnly, OnSample: func(in *realtime.RemoteTrack, f realtime.Received) {
		select {
		case frames <- received{f, in.Codec}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sub.Close() })
	return frames
}

// awaitFrame returns the first frame for which so holds.
func awaitFrame(t *testing.T, frames <-chan received, what string, so func(received) bool) received {
	t.Helper()
	for end := time.After(20 * time.Second); ; {
		select {
		case f := <-frames:
			if so(f) {
				return f
			}
		case <-end:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// layers are those that the participant publishes, as label and size.
func (s *fixture) layers() string {
	var all []string
	for _, sample := range s.stages.MediaSamples() {
		for _, p := range sample.Publishers {
			for _, track := range p.Tracks {
				for _, l := range track.Layers {
					if track.Kind == media.Video && l.Packets > 0 {
						all = append(all, fmt.Sprintf("%s %dx%d", l.Label, l.Width, l.Height))
					}
				}
			}
		}
	}
	return strings.Join(all, ", ")
}

func TestServer_PublishesTracksAsLayers(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	e := s.publishRaw(t)
	patterns := []*encoder{newPattern(t, 960, 540), newPattern(t, 640, 360), newPattern(t, 320, 180)}
	var configs [][]byte
	for _, f := range patterns {
		units, _ := f.next()
		f.n = 0
		configs = append(configs, handmade.AVCConfig(units[0], units[1]))
	}
	sized := func(b []byte) []byte { return join([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b) }
	n, tracks := 0, 1
	// Track 0 comes as FLV has it, the others by FourCC: 5 alone, or 5 and 9 in one message.
	sendPicture := func() error {
		at := time.Duration(n) * 40 * time.Millisecond
		if n%25 == 0 { // encoders may repeat them
			_ = e.Send(handmade.Video, at, join([]byte{0x17, 0, 0, 0, 0}, configs[0]))
			if tracks > 1 {
				_ = e.Send(handmade.Video, at, join([]byte("\x96\x00avc1\x05"), configs[1]))
			}
			if tracks > 2 {
				_ = e.Send(handmade.Video, at, join([]byte("\x96\x20avc1\x09"), sized(configs[2])))
			}
			_ = e.Send(handmade.Audio, at, []byte{0xaf, 0, 0x11, 0x90})
		}
		var bodies [][]byte
		kind := byte(0x20)
		for _, f := range patterns {
			f.n = n
			units, keyframe := f.next()
			if keyframe {
				kind = 0x10
			}
			bodies = append(bodies, handmade.AVCPicture(units))
		}
		n++
		_ = e.Send(handmade.Video, at, join([]byte{kind | 7, 1, 0, 0, 0}, bodies[0]))
		switch tracks {
		case 2:
			_ = e.Send(handmade.Video, at, join([]byte{0x80 | kind | 6, 0x03}, []byte("avc1\x05"), bodies[1]))
		case 3:
			_ = e.Send(handmade.Video, at, join([]byte{0x80 | kind | 6, 0x13}, []byte("avc1\x05"), sized(bodies[1]), []byte{9}, sized(bodies[2])))
		}
		return e.Send(handmade.Audio, at, []byte{0xaf, 1, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c})
	}
	sendUntil := func(what string, so func() bool) {
		t.Helper()
		await(t, what, func() bool {
			if err := sendPicture(); err != nil {
				t.Fatal(err)
			}
			return so()
		})
	}
	sendUntil("one layer", func() bool { return s.layers() == "hi 960x540" })
	tracks = 2
	sendUntil("a second layer", func() bool { return s.layers() == "hi 960x540, mid 640x360" })
	tracks = 3
	sendUntil("a third layer", func() bool { return s.layers() == "hi 960x540, mid 640x360, low 320x180" })
	sendUntil("the publication", func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") })
	frames, sizes := s.view(t), map[int]bool{}
	sendUntil("the largest layer", func() bool {
		for {
			select {
			case f := <-frames:
				if f.Width > 0 {
					sizes[f.Width] = true
				}
				continue
			default:
				return sizes[960]
			}
		}
	})
	if strings.Count(s.history(t), "JOINED") != 1 {
		t.Errorf("the tracks are not one participant: %s", s.history(t))
	}
}

// Opus is not decoded: viewers get the packets of the encoder, 20 ms apart whatever the
// rounding of its timestamps.
func TestServer_PassesOpusOn(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	e := s.publishRaw(t)
	f := newPattern(t, 320, 180)
	units, _ := f.next()
	f.n = 0
	_ = e.Send(handmade.Video, 0, join([]byte{0x17, 0, 0, 0, 0}, handmade.AVCConfig(units[0], units[1])))
	_ = e.Send(handmade.Audio, 0, []byte("\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"))
	go func() {
		for n := 0; t.Context().Err() == nil; n++ {
			at := time.Duration(n)*20*time.Millisecond + time.Duration(n%3)*time.Millisecond
			if n%2 == 0 {
				units, keyframe := f.next()
				body := join([]byte{0x27, 1, 0, 0, 0}, handmade.AVCPicture(units))
				if keyframe {
					body[0] = 0x17
				}
				_ = e.Send(handmade.Video, at, body)
			}
			if e.Send(handmade.Audio, at, []byte{0x91, 'O', 'p', 'u', 's', 0xfc, byte(n), byte(n >> 8), 7}) != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	await(t, "the publication", func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") })
	frames := s.view(t)
	var last received
	for n := range 20 {
		f := awaitFrame(t, frames, "audio", func(f received) bool { return f.codec == media.Opus })
		if len(f.Data) != 4 || f.Data[0] != 0xfc || f.Data[3] != 7 {
			t.Fatalf("the packet is %x", f.Data)
		}
		if n > 0 && f.Data[1] == last.Data[1]+1 && f.Timestamp-last.Timestamp != 960 {
			t.Errorf("packet %d comes %d samples after the one before", n, f.Timestamp-last.Timestamp)
		}
		last = f
	}
}

// The command line of docs/encoders.md for GStreamer.
func TestServer_PublishesFromGStreamer(t *testing.T) {
	if _, err := exec.LookPath("gst-launch-1.0"); err != nil {
		t.Skip("there is no GStreamer")
	}
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	runTool(t, "gst-launch-1.0", strings.Fields(`videotestsrc is-live=true ! x264enc tune=zerolatency bframes=0 key-int-max=30 bitrate=2500 ! h264parse !
		flvmux name=m streamable=true ! rtmp2sink location=`+s.ingest()+` audiotestsrc is-live=true ! audioconvert ! audio/x-raw,rate=48000 ! voaacenc bitrate=128000 ! m.`)...)
	await(t, "the publication", func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") })
	await(t, "the layer", func() bool { return s.layers() == "hi 320x240" })
}

// Pictures may refer to any PPS of the configuration, and to such that a keyframe adds.
func TestServer_PassesAllPictureParameterSetsOn(t *testing.T) {
	second, third := []byte{0x68, 0x53, 0x8f, 0x20}, []byte{0x68, 0x6b, 0x8f, 0x20} // ids 1 and 2
	publish := func(t *testing.T, s *fixture) {
		t.Helper()
		e, err := s.publish(t, s.key)
		if err != nil {
			t.Fatal(err)
		}
		units, _ := e.next()
		e.n, e.filler = 0, third
		if err := e.push.Send(rtmp.Frame{Kind: rtmp.VideoConfig, Units: [][]byte{units[0], units[1], second}}); err != nil {
			t.Fatal(err)
		}
		if err := e.send(110); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("to a stage", func(t *testing.T) {
		s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
		publish(t, s)
		awaitFrame(t, s.view(t), "a keyframe with all", func(f received) bool {
			return f.codec == media.H264 && bytes.Contains(f.Data, second) && bytes.Contains(f.Data, third)
		})
	})
	t.Run("to a channel", func(t *testing.T) {
		s := start(t)
		publish(t, s)
		await(t, "live", func() bool { _, ok := s.stream(t); return ok })
		list := s.mediaPlaylist(t)
		_, body := s.get(t, list)
		folder := list[:strings.LastIndexByte(list, '/')+1]
		_, begin, _ := strings.Cut(body, `EXT-X-MAP:URI="`)
		name, _, _ := strings.Cut(begin, `"`)
		if _, init := s.get(t, folder+name); !strings.Contains(init, string(second)) {
			t.Error("the initialization section lacks the second of its configuration")
		}
		_, segment := s.get(t, folder+fmt.Sprintf("segment%d.mp4", number(t, body, "EXT-X-MEDIA-SEQUENCE")))
		if !strings.Contains(segment, string(second)) || !strings.Contains(segment, string(third)) {
			t.Error("a segment lacks parameter sets")
		}
	})
}
