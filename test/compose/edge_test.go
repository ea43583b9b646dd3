//go:build cgo

package compose

import (
	"bytes"
	"image"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	official "github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/testpattern"
)

// edgeWithin is how old the newest picture that viewers can fetch may be.
const edgeWithin = 3 * time.Second

// encode sends a pattern of 640x360 to a channel until it is hung up.
func encode(t *testing.T, address string) (hangUp func()) {
	t.Helper()
	const rate = 30
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 640, Height: 360, FPS: rate, Bitrate: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	about := rtmp.Stream{Audio: []byte{0x11, 0x90}, Width: 640, Height: 360, FrameRate: rate}
	picture := func(n int) (units [][]byte, keyframe bool) {
		coded, keyframe := video.Frame(uint32(n), time.Now(), false)
		var all h264.AnnexB
		if err := all.Unmarshal(coded); err != nil {
			t.Error(err)
		}
		return all, keyframe
	}
	first, _ := picture(0)
	for _, u := range first {
		switch h264.NALUType(u[0] & 0x1f) {
		case h264.NALUTypeSPS, h264.NALUTypePPS:
			about.Sets = append(about.Sets, u)
		}
	}
	push, err := rtmp.Dial(t.Context(), address, about)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		began, sound := time.Now(), 0
		units, keyframe := first, true
		for n := 1; ; n++ {
			at := time.Since(began)
			if push.Video(at, keyframe, units) != nil {
				return
			}
			for ; time.Duration(sound)*1024*time.Second/48000 <= at; sound++ {
				if push.Audio(time.Duration(sound)*1024*time.Second/48000, []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}) != nil {
					return
				}
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			units, keyframe = picture(n)
		}
	})
	return func() {
		close(stop)
		sending.Wait()
		_ = push.Close() // it may have been dropped
	}
}

// An edge is where a channel's viewers are as soon as anybody can be: it waits for
// each part of the picture's playlist.
type edge struct {
	t        *testing.T
	playlist *url.URL
}

// reachEdge waits until a channel has its first whole segment.
func reachEdge(t *testing.T, playbackURL string) *edge {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		body, at, status := request(t, playbackURL)
		if status != http.StatusOK {
			continue
		}
		for line := range strings.Lines(string(body)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				next, err := at.Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				return &edge{t, next}
			}
		}
	}
	t.Fatal("the channel can't be watched after 20 s")
	return nil
}

func request(t *testing.T, address string) (body []byte, at *url.URL, status int) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err = io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	return body, r.Request.URL, r.StatusCode
}

// A fetched part has come just now.
type fetched struct {
	at       time.Time
	pictures [][]byte // in Annex B form
}

var hint = regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"`)

// follow fetches parts as they are made. take looks at one, and answers how many it
// has been told something by.
func (e *edge) follow(take func(fetched) (told int)) {
	e.t.Helper()
	last, told, enough, during := "", 0, edgeParts, edgeTimeout
	if measured() {
		enough, during = math.MaxInt, edgeFollowed
	}
	for end := time.Now().Add(during); told < enough && time.Now().Before(end); {
		list, _, _ := request(e.t, e.playlist.String())
		named := hint.FindSubmatch(list)
		if named == nil {
			e.t.Fatalf("the playlist announces no part:\n%s", list)
		}
		if string(named[1]) == last {
			continue
		}
		last = string(named[1])
		part, err := e.playlist.Parse(last)
		if err != nil {
			e.t.Fatal(err)
		}
		data, _, status := request(e.t, part.String()) // answered once it is there
		if status != http.StatusOK {
			e.t.Fatalf("part %s: %d", part, status)
		}
		got := fetched{at: time.Now()}
		sets := e.parameterSets(list)
		var fragments fmp4.Parts
		if err := fragments.Unmarshal(data); err != nil {
			e.t.Fatal(err)
		}
		for _, f := range fragments {
			for _, s := range f.Tracks[0].Samples {
				var units h264.AVCC
				if err := units.Unmarshal(s.Payload); err != nil {
					e.t.Fatal(err)
				}
				if !s.IsNonSyncSample {
					units = append(slices.Clone(sets), units...)
				}
				coded, err := h264.AnnexB(units).Marshal()
				if err != nil {
					e.t.Fatal(err)
				}
				got.pictures = append(got.pictures, coded)
			}
		}
		told = take(got)
	}
}

var initSection = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)

// parameterSets are the SPS and PPS of the newest init section that a playlist names.
func (e *edge) parameterSets(list []byte) [][]byte {
	e.t.Helper()
	named := initSection.FindAllSubmatch(list, -1)
	if len(named) == 0 {
		e.t.Fatalf("the playlist names no init section:\n%s", list)
	}
	at, err := e.playlist.Parse(string(named[len(named)-1][1]))
	if err != nil {
		e.t.Fatal(err)
	}
	data, _, _ := request(e.t, at.String())
	var section fmp4.Init
	if err := section.Unmarshal(bytes.NewReader(data)); err != nil {
		e.t.Fatal(err)
	}
	for _, track := range section.Tracks {
		if c, ok := track.Codec.(*codecs.H264); ok {
			return [][]byte{c.SPS, c.PPS}
		}
	}
	e.t.Fatal("the init section has no H.264")
	return nil
}

// hold tells how old the newest picture of each part was, and holds it to the promise.
func hold(t *testing.T, what string, ages []time.Duration) {
	t.Helper()
	if len(ages) < 20 {
		t.Fatalf("%s: %d parts with a readable picture, expected more", what, len(ages))
	}
	slices.Sort(ages)
	median, oldest := ages[len(ages)/2], ages[len(ages)-1]
	t.Logf("%s: the newest picture of a part can be fetched %d ms after it was drawn (median of %d; 95 %% %d ms, most %d ms)",
		what, median.Milliseconds(), len(ages), ages[len(ages)*95/100].Milliseconds(), oldest.Milliseconds())
	if limit := edgeWithin; median > limit || measured() && oldest > limit {
		t.Errorf("%s: %s, at most %s, expected %s", what, median, oldest, limit)
	}
}

// An edge is followed until so many parts of 0.2 s could be looked at, or for so long;
// for the latter where promises of time are judged.
const (
	edgeParts    = 24
	edgeFollowed = 12 * time.Second
	edgeTimeout  = 30 * time.Second
)

func TestEdge_OfAnEncodersStream(t *testing.T) {
	s := openKept(t)
	made, _ := s.openChannel()
	defer encode(t, ingest(made))()
	var ages []time.Duration
	reachEdge(t, *made.Channel.PlaybackUrl).follow(func(f fetched) int {
		if m, ok := testpattern.Find(f.pictures[len(f.pictures)-1]); ok {
			ages = append(ages, f.at.Sub(m.Sent))
		}
		return len(ages)
	})
	hold(t, "encoder to edge", ages)
}

func TestEdge_OfAComposition(t *testing.T) {
	s := openKept(t)
	made, to := s.openChannel()
	s.publish("--size", "1280x720")
	c := s.begin(to)
	s.awaitComposition(c.ARN, "ACTIVE", composing)
	d, err := codec.NewVideoDecoder(media.H264)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tile, err := codec.NewTile()
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Close()
	canvas, err := codec.NewCanvas(1280, 720)
	if err != nil {
		t.Fatal(err)
	}
	defer canvas.Close()
	var ages []time.Duration
	reachEdge(t, *made.Channel.PlaybackUrl).follow(func(f fetched) int {
		for n, coded := range f.pictures {
			shown, _ := d.Decode(coded, int64(n)) // nothing before the first keyframe
			for _, picture := range shown {
				if n == len(f.pictures)-1 {
					if err := tile.Scale(picture, image.Rect(0, 0, 1280, 720), image.Pt(1280, 720)); err != nil {
						t.Fatal(err)
					}
					canvas.Put(tile, image.Point{})
					if m, ok := testpattern.Read(view(canvas, layout.Size{Width: 1280, Height: 720}), 32, f.at); ok {
						ages = append(ages, f.at.Sub(m.Sent))
					}
				}
				picture.Close()
			}
		}
		return len(ages)
	})
	hold(t, "publisher through a composition to edge", ages)
	if _, err := s.channels().GetStream(t.Context(), &official.GetStreamInput{ChannelArn: made.Channel.Arn}); err != nil {
		t.Error(err)
	}
	s.stop(c.ARN)
}
