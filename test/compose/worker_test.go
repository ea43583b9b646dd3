//go:build cgo

package compose

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"rostrum/internal/codec"
	"rostrum/internal/hls"
	"rostrum/internal/layout"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

func TestWorker_ComposesPublishersOfAStage(t *testing.T) {
	s := open(t)
	first := s.publish("--size", "640x360")
	raw, _ := s.token("SUBSCRIBE")
	file := filepath.Join(t.TempDir(), "out.mp4")
	grid := worker.Layout{} // both tiles show the whole of a 16:9 picture
	p := s.compose(worker.Job{Token: raw, Layout: grid, Programs: []worker.Program{{
		Destinations: []worker.Destination{{ID: "file", File: file}},
	}}})
	p.until("the stage", func(r worker.Report) bool { return r.Kind == worker.Ready })
	p.until("the file", active("file"))
	p.until("one member", shows(1))
	second := s.publish("--size", "640x360")
	p.until("two members", shows(2))
	p.stop()

	seen := marks(t, file, image.Pt(0, 180), image.Pt(640, 180))
	for i, id := range []string{first, second} {
		if got := seen[i]; got.Identity != testpattern.IdentityOf(id) {
			t.Errorf("tile %d shows %04x, want %s's %04x", i, got.Identity, id, testpattern.IdentityOf(id))
		}
	}
	if apart := seen[0].Sent.Sub(seen[1].Sent).Abs(); apart > 300*time.Millisecond {
		t.Errorf("the two tiles are %v apart", apart)
	}
}

// marks reads the pattern at places of the last picture of a file in 1280x720, where
// patterns of 640x360 are shown in tiles of 638x358.
func marks(t *testing.T, file string, at ...image.Point) (last []testpattern.Mark) {
	t.Helper()
	eachMarks(t, file, func(now []testpattern.Mark) { last = now }, at...)
	if len(last) < len(at) {
		t.Fatalf("of %d patterns %d can be read", len(at), len(last))
	}
	return last
}

// eachMarks reads those of each picture; those that can't be read are left out.
func eachMarks(t *testing.T, file string, see func([]testpattern.Mark), at ...image.Point) {
	t.Helper()
	d, err := codec.NewVideoDecoder(media.H264)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	canvas, err := codec.NewCanvas(1280, 720)
	if err != nil {
		t.Fatal(err)
	}
	defer canvas.Close()
	tile, err := codec.NewTile()
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Close()
	for _, unit := range film(t, file) {
		pictures, err := d.Decode(unit, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pictures {
			if err := tile.Scale(p, image.Rect(0, 0, 1280, 720), image.Pt(1280, 720)); err != nil {
				t.Fatal(err)
			}
			canvas.Put(tile, image.Point{})
			p.Close()
			img := view(canvas, layout.Size{Width: 1280, Height: 720})
			var all []testpattern.Mark
			for _, corner := range at {
				sub := img.SubImage(image.Rectangle{corner, corner.Add(image.Pt(638, 358))}).(*image.YCbCr)
				if m, ok := testpattern.Read(sub, 16*638./640, time.Now()); ok {
					all = append(all, m)
				}
			}
			see(all)
		}
	}
}

// film reads the access units of a fragmented MP4 whose first track is the picture.
func film(t *testing.T, file string) (units [][]byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.Index(data, []byte("moof")) - 4
	var parts fmp4.Parts
	if begin < 0 {
		t.Fatalf("%s has no fragments in its %d bytes", file, len(data))
	}
	if err := parts.Unmarshal(data[begin:]); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		for _, sample := range p.Tracks[0].Samples {
			var u h264.AVCC
			if err := u.Unmarshal(sample.Payload); err != nil {
				t.Fatal(err)
			}
			unit, err := h264.AnnexB(u).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			units = append(units, unit)
		}
	}
	return units
}

func TestWorker_GoesOnWhereACrashedOneStopped(t *testing.T) {
	beside(t)
	s := open(t)
	s.publish("--size", "640x360")
	raw, _ := s.token("SUBSCRIBE")
	folder := t.TempDir()
	j := worker.Job{Token: raw, Programs: []worker.Program{{Width: 640, Height: 360, Destinations: []worker.Destination{
		{ID: "recording", HLS: &worker.HLS{Directory: folder, Rendition: "360p30", Thumbnails: &worker.Thumbnails{IntervalSeconds: 1, Sequential: true, Latest: true}}},
	}}}}
	segment := func(n int) func(worker.Report) bool {
		return func(r worker.Report) bool {
			return r.Kind == worker.File && r.Name == fmt.Sprintf("media/hls/360p30/%d.mp4", n)
		}
	}
	p := s.compose(j)
	p.until("the first segment", segment(0))
	p.until("the recording", active("recording"))
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	p = s.compose(j)
	p.until("the next segment", segment(1))
	p.stop()
	list, err := os.ReadFile(filepath.Join(folder, "media/hls/360p30/playlist.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(list)
	if !strings.Contains(text, "TYPE:VOD") || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") || strings.Count(text, "#EXT-X-DISCONTINUITY\n") != 1 {
		t.Errorf("the playlist is\n%s", text)
	}
	for _, name := range []string{"media/hls/multivariant.m3u8", "media/hls/360p30/init-1.mp4", "media/thumbnails/640x360/1.jpg", "media/latest_thumbnail/640x360/thumb.jpg"} {
		if i, err := os.Stat(filepath.Join(folder, name)); err != nil || i.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorker_EndsItsRecordingThoughNobodyHearsIt(t *testing.T) {
	beside(t)
	s := open(t)
	raw, _ := s.token("SUBSCRIBE")
	folder := t.TempDir()
	p := s.compose(worker.Job{Token: raw, Programs: []worker.Program{{Width: 64, Height: 64, Destinations: []worker.Destination{
		{ID: "recording", HLS: &worker.HLS{Directory: folder, Rendition: "64p30"}},
	}}}})
	p.until("half of the second segment", func(r worker.Report) bool { return r.Health != nil && r.Health.Programs[0].Ticks > 75 })
	// As when its server is killed: both ends of its channel are gone.
	if err := errors.Join(p.says.Close(), p.channel.Close()); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	text, err := os.ReadFile(filepath.Join(folder, "media/hls/64p30/playlist.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := hls.Parse(text)
	if err != nil || !list.Ended || list.Duration() < 2500*time.Millisecond {
		t.Errorf("expected all that was recorded, 2.5 s or more, saw %v: %v\n%s", list.Duration(), err, text)
	}
}

func TestWorker_EndsWithTheStage(t *testing.T) {
	beside(t)
	s := open(t)
	raw, _ := s.token("SUBSCRIBE")
	p := s.compose(worker.Job{Token: raw, Programs: []worker.Program{{Width: 64, Height: 64, Destinations: []worker.Destination{
		{ID: "file", File: filepath.Join(t.TempDir(), "out.mp4")},
	}}}})
	p.until("the stage", func(r worker.Report) bool { return r.Kind == worker.Ready })
	if _, err := s.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{ARN: s.stageARN}); err != nil {
		t.Fatal(err)
	}
	p.until("the end", func(r worker.Report) bool { return r.Kind == worker.Ended && r.Reason == worker.StageDeleted })
}

// An RTMP server that isn't ours takes a composition and goes away for good.
func TestWorker_GivesUpAServerThatStaysAway(t *testing.T) {
	beside(t)
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	s := open(t)
	s.publish("--size", "320x180")
	raw, _ := s.token("SUBSCRIBE")
	address := "rtmp://" + freeAddress(t) + "/live/key"
	server := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-listen", "1", "-i", address, "-f", "null", "-")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	p := s.compose(worker.Job{Token: raw, Programs: []worker.Program{{Width: 640, Height: 360, Destinations: []worker.Destination{
		{ID: "push", RTMP: &worker.RTMP{URL: address, RetrySeconds: 3}},
	}}}})
	p.until("the push", active("push"))
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait() // killed
	p.until("the interruption", func(r worker.Report) bool { return r.Destination == "push" && r.State == worker.Reconnecting })
	p.until("the failure", func(r worker.Report) bool { return r.Destination == "push" && r.State == worker.Failed })
	p.until("the end", func(r worker.Report) bool { return r.Kind == worker.Ended && r.Reason == worker.NoDestinations })
}
