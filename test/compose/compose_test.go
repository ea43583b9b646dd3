//go:build cgo

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"rostrum/internal/codec"
	"rostrum/internal/compositor/job"
	"rostrum/internal/media"
	"rostrum/internal/peer/pattern"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// stage is a running server with one stage.
type stage struct {
	t        *testing.T
	binary   string
	worker   string
	client   *ivsrealtime.Client
	stageARN string
}

// built is the folder of the two binaries, made by the first test that needs them.
var built struct {
	sync.Once
	folder, binary string
	err            error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

func build(t *testing.T) (binary string) {
	t.Helper()
	built.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "rostrum-compose-"); built.err != nil {
			return
		}
		built.binary, built.err = server.Build(context.Background(), built.folder)
		built.err = errors.Join(built.err, server.BuildMedia(context.Background(), built.folder))
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.binary
}

func open(t *testing.T) *stage {
	t.Helper()
	binary := build(t)
	s := &stage{t: t, binary: binary, worker: filepath.Join(filepath.Dir(binary), "rostrum-media")}
	running, err := server.Start(context.Background(), binary, "--ephemeral", "--media-port", "0", "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	b := ivsrealtime.NewClientBuilder()
	b.Region(running.Region)
	b.EndpointOverride(running.URL)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(running.AccessKey, running.SecretKey, ""))
	if s.client, err = b.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := s.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{Name: "compose"})
	if err != nil {
		t.Fatal(err)
	}
	s.stageARN = made.Stage.ARN
	return s
}

// token mints one; id is the participant's.
func (s *stage) token(c ivsrealtime.Capability) (raw, id string) {
	s.t.Helper()
	out, err := s.client.CreateParticipantToken(s.t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.stageARN, Capabilities: []ivsrealtime.Capability{c},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.ParticipantToken.Token, out.ParticipantToken.ParticipantID
}

// publish has a pattern on the stage until the test ends.
func (s *stage) publish(args ...string) (id string) {
	s.t.Helper()
	raw, id := s.token("PUBLISH")
	cmd := exec.CommandContext(s.t.Context(), s.binary, append([]string{"publish", "--token", raw}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Wait() }) // interrupted by then
	return id
}

// process is a running worker.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	channel io.WriteCloser

	mu      sync.Mutex // guards what follows
	reports []job.Report
	news    chan struct{} // has a value after a report
	ended   chan struct{}
}

func (s *stage) compose(j job.Job) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(s.worker, "compose"), news: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.channel, err = p.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = job.Reports(out, p.hear) // ends with the process
		_ = p.cmd.Wait()
	}()
	if err := json.NewEncoder(p.channel).Encode(j); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	return p
}

func (p *process) hear(r job.Report) {
	p.mu.Lock()
	p.reports = append(p.reports, r)
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// until waits for a report, whenever it came.
func (p *process) until(what string, is func(job.Report) bool) {
	p.t.Helper()
	p.await(what, 0, is)
}

// after waits for a report that comes from now on.
func (p *process) after(what string, is func(job.Report) bool) {
	p.t.Helper()
	p.mu.Lock()
	from := len(p.reports)
	p.mu.Unlock()
	p.await(what, from, is)
}

// await looks through the reports from one on, and fails after a time that is more
// than enough.
func (p *process) await(what string, from int, is func(job.Report) bool) {
	p.t.Helper()
	late := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		for ; from < len(p.reports); from++ {
			if is(p.reports[from]) {
				p.mu.Unlock()
				return
			}
		}
		p.mu.Unlock()
		select {
		case <-p.news:
		case <-late:
			p.mu.Lock()
			last := p.reports[max(0, len(p.reports)-3):]
			p.mu.Unlock()
			text, _ := json.Marshal(last)
			p.t.Fatalf("no report of %s came; the last are %s", what, text)
		}
	}
}

func (p *process) stop() {
	p.t.Helper()
	if err := p.channel.Close(); err != nil {
		p.t.Error(err)
	}
	select {
	case <-p.ended:
	case <-time.After(job.StopTime):
		p.t.Fatalf("the worker is still there %v after its channel ended", job.StopTime)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("the worker ended with exit code %d", code)
	}
	if last := p.reports[len(p.reports)-1]; last.Kind != job.Ended || last.Reason != "" {
		p.t.Errorf("the last report is %+v, want ended", last)
	}
}

func active(id string) func(job.Report) bool {
	return func(r job.Report) bool { return r.Destination == id && r.State == job.Active }
}

func shows(n int) func(job.Report) bool {
	return func(r job.Report) bool {
		if r.Health == nil || len(r.Health.Members) != n {
			return false
		}
		for _, m := range r.Health.Members {
			if m.Pictures < 30 {
				return false
			}
		}
		return true
	}
}

func TestWorker_ComposesPublishersOfAStage(t *testing.T) {
	s := open(t)
	first := s.publish("--size", "640x360")
	raw, _ := s.token("SUBSCRIBE")
	file := filepath.Join(t.TempDir(), "out.mp4")
	grid := job.Layout{} // both tiles show the whole of a 16:9 picture
	p := s.compose(job.Job{Token: raw, Layout: grid, Programs: []job.Program{{
		Destinations: []job.Destination{{ID: "file", File: file}},
	}}})
	p.until("the stage", func(r job.Report) bool { return r.Kind == job.Ready })
	p.until("the file", active("file"))
	p.until("one member", shows(1))
	second := s.publish("--size", "640x360")
	p.until("two members", shows(2))
	p.stop()

	seen := marks(t, file, image.Pt(0, 180), image.Pt(640, 180))
	for i, id := range []string{first, second} {
		if got := seen[i]; got.Identity != pattern.IdentityOf(id) {
			t.Errorf("tile %d shows %04x, want %s's %04x", i, got.Identity, id, pattern.IdentityOf(id))
		}
	}
	if apart := seen[0].Sent.Sub(seen[1].Sent).Abs(); apart > 300*time.Millisecond {
		t.Errorf("the two tiles are %v apart", apart)
	}
}

// marks reads the pattern at places of the last picture of a file in 1280x720, where
// patterns of 640x360 are shown in tiles of 638x358.
func marks(t *testing.T, file string, at ...image.Point) []pattern.Mark {
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
		}
	}
	img := canvas.Image()
	var all []pattern.Mark
	for _, corner := range at {
		sub := img.SubImage(image.Rectangle{corner, corner.Add(image.Pt(638, 358))}).(*image.YCbCr)
		m, ok := pattern.Read(sub, 16*638./640, time.Now())
		if !ok {
			t.Errorf("no pattern can be read at %v", corner)
		}
		all = append(all, m)
	}
	return all
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
	s := open(t)
	s.publish("--size", "640x360")
	raw, _ := s.token("SUBSCRIBE")
	folder := t.TempDir()
	j := job.Job{Token: raw, Programs: []job.Program{{Width: 640, Height: 360, Destinations: []job.Destination{
		{ID: "recording", HLS: &job.HLS{Directory: folder, Rendition: "360p30", Thumbnails: &job.Thumbnails{IntervalSeconds: 1, Sequential: true, Latest: true}}},
	}}}}
	segment := func(n int) func(job.Report) bool {
		return func(r job.Report) bool {
			return r.Kind == job.File && r.Name == fmt.Sprintf("media/hls/360p30/%d.mp4", n)
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

func TestWorker_EndsWithTheStage(t *testing.T) {
	s := open(t)
	raw, _ := s.token("SUBSCRIBE")
	p := s.compose(job.Job{Token: raw, Programs: []job.Program{{Width: 64, Height: 64, Destinations: []job.Destination{
		{ID: "file", File: filepath.Join(t.TempDir(), "out.mp4")},
	}}}})
	p.until("the stage", func(r job.Report) bool { return r.Kind == job.Ready })
	if _, err := s.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{ARN: s.stageARN}); err != nil {
		t.Fatal(err)
	}
	p.until("the end", func(r job.Report) bool { return r.Kind == job.Ended && r.Reason == job.StageDeleted })
}
