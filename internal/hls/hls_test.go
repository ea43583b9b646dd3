package hls

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

type memory map[string][]byte

func (m memory) Put(name string, data []byte) error {
	m[name] = data
	return nil
}

var (
	sps = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps = []byte{0x68, 0xce, 0x3c, 0x80}
)

func tracks(t *testing.T) (video, audio Track) {
	video, err := H264(sps, pps)
	if err != nil {
		t.Fatal(err)
	}
	audio, err = AAC([]byte{0x11, 0x90, 0x56, 0xe5, 0x00})
	if err != nil {
		t.Fatal(err)
	}
	return video, audio
}

// write writes pictures, 30 a second, with a keyframe every so many, and audio that is
// later by a packet.
func write(t *testing.T, s *Segmenter, pictures, keyframe int) {
	t.Helper()
	packet := int64(0)
	for n := range pictures {
		if err := s.Write(Sample{Track: 0, Time: int64(n) * 3000, Duration: 3000, Keyframe: n%keyframe == 0, Data: []byte{0, 0, 0, 2, 0x65, byte(n)}}); err != nil {
			t.Fatal(err)
		}
		for ; packet*1024/48000*90000 < int64(n-2)*3000 && packet*1024 < int64(n-2)*1600; packet++ {
			if err := s.Write(Sample{Track: 1, Time: packet * 1024, Duration: 1024, Keyframe: true, Data: []byte{1, 2, 3}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Audio may come before the picture that it belongs to.
func TestSegmenter_KeepsAudioSinceTheFirstKeyframe(t *testing.T) {
	video, audio := tracks(t)
	store := memory{}
	s, err := NewSegmenter(store, Config{Folder: "high"}, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(20) {
		if err := s.Write(Sample{Track: 1, Time: n * 1024, Duration: 1024, Keyframe: true, Data: []byte{byte(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Write(Sample{Time: 9600 * 90 / 48, Duration: 90_000, Keyframe: true, Data: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(store["high/0.mp4"]); err != nil || len(parts) != 1 || len(parts[0].Tracks) != 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	if got := parts[0].Tracks[1]; got.BaseTime != 10*1024 || len(got.Samples) != 10 {
		t.Errorf("%d packets of audio from %d on", len(got.Samples), got.BaseTime)
	}
}

func TestSegmenter_CutsAtKeyframes(t *testing.T) {
	store := memory{}
	video, audio := tracks(t)
	s, err := NewSegmenter(store, Config{Folder: "720p30", Target: 2 * time.Second, Begins: time.Unix(1_700_000_000, 0)}, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, 150, 30)
	if got := string(store["720p30/playlist.m3u8"]); strings.Count(got, "#EXTINF:2.00000,") != 2 || !strings.Contains(got, "TYPE:EVENT") || strings.Contains(got, "ENDLIST") {
		t.Errorf("while it continues the playlist is\n%s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
		"#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n" +
		"#EXTINF:2.00000,\n0.mp4\n#EXTINF:2.00000,\n1.mp4\n#EXTINF:1.00000,\n2.mp4\n#EXT-X-ENDLIST\n"
	if got := string(store["720p30/playlist.m3u8"]); got != want {
		t.Errorf("at the end the playlist is\n%s\nwant\n%s", got, want)
	}
	for i, pictures := range []int{60, 60, 30} {
		var parts fmp4.Parts
		if err := parts.Unmarshal(store[fmt.Sprintf("720p30/%d.mp4", i)]); err != nil {
			t.Fatal(err)
		}
		v, a := parts[0].Tracks[0], parts[0].Tracks[1]
		if len(v.Samples) != pictures || v.Samples[0].IsNonSyncSample || v.BaseTime != uint64(i*180_000) {
			t.Errorf("segment %d has %d pictures from %d", i, len(v.Samples), v.BaseTime)
		}
		if first := float64(a.BaseTime) / 48000; first < float64(i*2) || first > float64(i*2)+0.022 {
			t.Errorf("the audio of segment %d begins at %.3f s", i, first)
		}
	}
	if s.Duration() != 5*time.Second {
		t.Errorf("it lasts %v, want 5 s", s.Duration())
	}
}

func TestSegmenter_DoesNotExceedItsTarget(t *testing.T) {
	video, audio := tracks(t)
	for name, c := range map[string]struct {
		target    time.Duration
		distance  time.Duration // of keyframes, where it is known
		keyframes []int         // pictures that are, of 30 a second
		want      []time.Duration
	}{
		"that begins between keyframes":         {2 * time.Second, 2 * time.Second, []int{0, 59, 119, 179, 239}, []time.Duration{1_966_670_000, 2 * time.Second, 2 * time.Second, 2 * time.Second}},
		"whose keyframes are early by rounding": {2 * time.Second, 2 * time.Second, []int{0, 60, 119, 179, 239}, []time.Duration{2 * time.Second, 1_966_670_000, 2 * time.Second, 2 * time.Second}},
		"of several keyframes":                  {4 * time.Second, 2 * time.Second, []int{0, 60, 120, 180, 239}, []time.Duration{4 * time.Second, 3_966_670_000}},
		"of a publisher with jitter":            {2 * time.Second, 0, []int{0, 29, 59, 90, 119, 150}, []time.Duration{1_966_670_000, 2 * time.Second}},
	} {
		t.Run("a recording "+name, func(t *testing.T) {
			store := memory{}
			s, err := NewSegmenter(store, Config{Target: c.target, Keyframes: c.distance}, video, audio)
			if err != nil {
				t.Fatal(err)
			}
			for n := range c.keyframes[len(c.keyframes)-1] + 60 {
				if err := s.Write(Sample{Time: int64(n) * 3000, Duration: 3000, Keyframe: slices.Contains(c.keyframes, n), Data: []byte{1}}); err != nil {
					t.Fatal(err)
				}
			}
			list, err := Parse(store["playlist.m3u8"])
			if err != nil {
				t.Fatal(err)
			}
			var got []time.Duration
			for _, g := range list.Segments {
				got = append(got, g.Duration.Round(10*time.Microsecond))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("segments are %v, expected %v", got, c.want)
			}
		})
	}
}

func TestSegmenter_ContinuesAPlaylist(t *testing.T) {
	store := memory{}
	video, audio := tracks(t)
	config := Config{Target: time.Second, Begins: time.Unix(1_700_000_000, 0)}
	s, err := NewSegmenter(store, config, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, 75, 30) // then the process is killed
	before := store["playlist.m3u8"]
	config.After, err = Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	config.Begins = time.Unix(1_700_000_010, 0)
	if s, err = NewSegmenter(store, config, video, audio); err != nil {
		t.Fatal(err)
	}
	write(t, s, 30, 30)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i, at := range []uint64{0, 90_000, 180_000} {
		var parts fmp4.Parts
		if err := parts.Unmarshal(store[fmt.Sprintf("%d.mp4", i)]); err != nil {
			t.Fatal(err)
		}
		if got := parts[0].Tracks[0].BaseTime; got != at {
			t.Errorf("segment %d begins at %d, expected %d: players that ignore the discontinuity see a step", i, got, at)
		}
	}
	want := string(before) + "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:30.000Z\n#EXTINF:1.00000,\n2.mp4\n#EXT-X-ENDLIST\n"
	if got := strings.Replace(string(store["playlist.m3u8"]), "VOD", "EVENT", 1); got != want {
		t.Errorf("the playlist is\n%s\nwant\n%s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:2.00000,\n0.mp4\n#EXT-X-DISCONTINUITY\n#EXTINF:1.00000,\n1.mp4\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		q, err := Parse(p.Marshal())
		if err != nil || len(q.Segments) != len(p.Segments) {
			t.Errorf("written and read again, %d segments are %d: %v", len(p.Segments), len(q.Segments), err)
		}
	})
}

func TestSegmenter_DoesNotWaitForASilentTrack(t *testing.T) {
	store := memory{}
	video, audio := tracks(t)
	s, err := NewSegmenter(store, Config{Target: time.Second}, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 90 {
		if err := s.Write(Sample{Time: int64(n) * 3000, Duration: 3000, Keyframe: n%30 == 0, Data: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if store["0.mp4"] == nil {
		t.Errorf("without audio there is no segment: %v", slices.Collect(maps.Keys(store)))
	}
}

func TestSegmenter_DropsSamplesBeforeTheFirstKeyframe(t *testing.T) {
	store := memory{}
	video, audio := tracks(t)
	s, err := NewSegmenter(store, Config{Target: time.Second}, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		if err := s.Write(Sample{Time: int64(n) * 3000, Duration: 3000, Keyframe: n == 4, Data: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Duration() != 200*time.Millisecond {
		t.Errorf("it lasts %v, want the 200 ms from the keyframe on", s.Duration())
	}
}

func TestMultivariant_ListsCodecsAndSize(t *testing.T) {
	video, audio := tracks(t)
	got := Multivariant(Rendition{URI: "a/playlist.m3u8", Bandwidth: 3_000_000, Tracks: []Track{video, audio}, FrameRate: 30})
	want := `#EXT-X-STREAM-INF:BANDWIDTH=3000000,CODECS="avc1.42c028,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=30.000` + "\na/playlist.m3u8\n"
	if !bytes.HasSuffix(got, []byte(want)) {
		t.Errorf("it is\n%s\nwant at its end\n%s", got, want)
	}
}
