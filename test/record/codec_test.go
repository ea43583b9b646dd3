package record

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

// probed is what ffprobe finds in a recording.
type probed struct {
	Streams []struct {
		Kind   string `json:"codec_type"`
		Codec  string `json:"codec_name"`
		Start  string `json:"start_time"`
		Width  int
		Height int
	}
	Packets []struct {
		Kind string `json:"codec_type"`
		Time string `json:"pts_time"`
	}
}

func (s *studio) ffprobe(p *ivsrealtime.Participant) (found probed) {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_packets", filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8")).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return found
}

// ends returns the time of the last packet of each kind of media.
func (f probed) ends(t *testing.T) map[string]float64 {
	ends := map[string]float64{}
	for _, p := range f.Packets {
		at, err := strconv.ParseFloat(p.Time, 64)
		if err != nil {
			t.Fatal(err)
		}
		ends[p.Kind] = max(ends[p.Kind], at)
	}
	return ends
}

func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("FFmpeg is not installed")
	}
}

// A codecCase is a codec that FFmpeg encodes.
type codecCase struct {
	codec, codecs, container string
	encoder                  []string
}

func codecCases() []codecCase {
	return []codecCase{
		{"h264", `avc1\.\w{6}`, "mkv", []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency"}},
		{"vp9", `vp09\.00\.\d\d\.08`, "webm", []string{"libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"}},
		{"av1", `av01\.0\.\d\dM\.08`, "webm", []string{"libaom-av1", "-usage", "realtime", "-cpu-used", "8"}},
	}
}

// clip encodes some seconds of pictures and a tone.
func (c codecCase) clip(t *testing.T, size string, seconds int) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "clip."+c.container)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc=size=" + size + ":rate=15", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", strconv.Itoa(seconds), "-pix_fmt", "yuv420p", "-g", "15", "-c:a", "libopus", "-ac", "2", "-c:v"}
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append(args, c.encoder...), name)...).CombinedOutput(); err != nil {
		t.Skipf("FFmpeg does not encode it: %v %s", err, out)
	}
	return name
}

// A participant comes back with another codec and size: each part is a section of one recording.
func TestRecording_GoesOnInOtherCodecs(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	c := configuration()
	c.RecordingReconnectWindowSeconds = new(300)
	s := openWithMedia(t, c)
	token, id := s.token()
	vp8 := codecCase{"vp8", "avc1", "webm", []string{"libvpx", "-deadline", "realtime", "-cpu-used", "8"}}
	parts := append(codecCases(), vp8)
	sizes := []string{"320x180", "480x270", "640x360", "320x240"}
	clips := make([]string, len(parts))
	for i, part := range parts {
		clips[i] = part.clip(t, sizes[i], 3)
	}
	var p *ivsrealtime.Participant
	for i, clip := range clips {
		stop := s.publishClip(token, clip)
		if p == nil {
			p = s.await(id, ivsrealtime.RecordingActive)
		}
		s.awaitFile(p, fmt.Sprintf("media/hls/high/init-%d.mp4", i))
		stop()
	}
	s.endRecordings()
	p = s.await(id, ivsrealtime.RecordingStopped)
	for i, part := range parts {
		out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0:s=x",
			filepath.Join(s.folder(p), fmt.Sprintf("media/hls/high/init-%d.mp4", i))).Output()
		want := strings.Replace(part.codec, "vp8", "h264", 1) + "x" + sizes[i]
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("section %d has %s, not %s: %v", i, got, want, err)
		}
	}
	multivariant := string(s.read(p, "media/hls/multivariant.m3u8"))
	for _, part := range parts {
		if !regexp.MustCompile(`CODECS="[^"]*` + part.codecs).MatchString(multivariant) {
			t.Errorf("the multivariant playlist does not name %s:\n%s", part.codec, multivariant)
		}
	}
}

// endRecordings ends the reconnect windows of a stage: the server stops.
func (s *studio) endRecordings() {
	s.t.Helper()
	if err := s.running.StopWithin(maxWait); err != nil {
		s.t.Fatal(err)
	}
	s.serve()
}

// Video is recorded as it is sent. A change of its size begins another section.
func TestRecording_HasVideoOfEachCodec(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	for _, c := range codecCases() {
		t.Run(c.codec, func(t *testing.T) {
			t.Parallel()
			clip := c.clip(t, "320x180", 6)
			s := open(t, configuration())
			raw, id := s.token()
			cmd := exec.CommandContext(t.Context(), s.binary, "publish", "--token", raw, "--loop", clip)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			p := s.await(id, ivsrealtime.RecordingActive)
			s.awaitFile(p, "media/hls/high/3.mp4")
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
			p = s.await(id, ivsrealtime.RecordingStopped)
			s.expectCodecs(p, c.codecs, "320x180")
			s.probe(p)
			found := s.ffprobe(p)
			if v := found.Streams[0]; v.Codec != c.codec || v.Width != 320 || v.Height != 180 {
				t.Errorf("its video is %+v", v)
			}
			if a := found.Streams[1]; a.Codec != "opus" {
				t.Errorf("its audio is %+v", a)
			}
			if ends := found.ends(t); ends["video"]-ends["audio"] > 0.1 || ends["audio"]-ends["video"] > 0.1 {
				t.Errorf("its media end at %v", ends)
			}
		})
	}
}

// encoder returns the address for an encoder, and the participant that it becomes.
func (s *studio) encoder() (address, participant string) {
	s.t.Helper()
	out, err := s.client.CreateIngestConfiguration(s.t.Context(), &ivsrealtime.CreateIngestConfigurationInput{StageARN: s.stage, IngestProtocol: ivsrealtime.IngestRTMP, InsecureIngest: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.running.Encoders[0] + out.IngestConfiguration.StreamKey, out.IngestConfiguration.ParticipantID
}

func (s *studio) expectCodecs(p *ivsrealtime.Participant, video, size string) {
	s.t.Helper()
	multivariant := string(s.read(p, "media/hls/multivariant.m3u8"))
	want := fmt.Sprintf(`#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,CODECS="%s,opus",RESOLUTION=%s,FRAME-RATE=\d+\.\d{3}\nhigh/playlist\.m3u8\n`, video, size)
	if !regexp.MustCompile(want).MatchString(multivariant) {
		s.t.Errorf("the multivariant playlist is\n%s", multivariant)
	}
}

// An encoder with keyframes 8 s apart can't be asked for one.
func TestRecording_BeginsWithTheFirstPictureOfAnEncoder(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	s := open(t, configuration())
	address, id := s.encoder()
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=25",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "200", "-sc_threshold", "0", "-f", "flv", address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/0.mp4")
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	took := time.Since(began)
	p = s.await(id, ivsrealtime.RecordingStopped)
	list := s.expectComplete(p)
	if first := list.Segments[0].Duration; first < 7*time.Second || first > 9*time.Second {
		t.Errorf("the first segment lasts %v, not about 8 s", first)
	}
	if d := list.Duration(); d < 8*time.Second || d > took+time.Second {
		t.Errorf("it lasts %v of %v", d, took)
	}
	s.probe(p)
}

func TestRecording_HasAudioAlone(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	c := configuration()
	c.MediaTypes = []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioOnly}
	s := open(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/1.mp4")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	if multivariant := s.read(p, "media/hls/multivariant.m3u8"); !regexp.MustCompile(`AVERAGE-BANDWIDTH=\d+,CODECS="opus"\n`).Match(multivariant) {
		t.Errorf("the multivariant playlist is\n%s", multivariant)
	}
	if found := s.ffprobe(p); len(found.Streams) != 1 || found.Streams[0].Codec != "opus" {
		t.Errorf("it has %+v", found.Streams)
	}
}

// A replica is recorded as the stage asks that it is in.
func TestRecording_OfAReplicaIsOfItsStage(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	source, err := s.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{StageARN: source.Stage.ARN, Capabilities: []ivsrealtime.Capability{"PUBLISH"}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.ParticipantToken.ParticipantID
	stop := s.publish(made.ParticipantToken.Token)
	s.eventually("it is replicated", func() bool {
		_, err := s.client.StartParticipantReplication(t.Context(), &ivsrealtime.StartParticipantReplicationInput{SourceStageARN: source.Stage.ARN, DestinationStageARN: s.stage, ParticipantID: id})
		return err == nil
	})
	began := time.Now()
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/1.mp4")
	if _, err := s.client.StopParticipantReplication(t.Context(), &ivsrealtime.StopParticipantReplicationInput{SourceStageARN: source.Stage.ARN, DestinationStageARN: s.stage, ParticipantID: id}); err != nil {
		t.Fatal(err)
	}
	p = s.await(id, ivsrealtime.RecordingStopped)
	list := s.expectComplete(p)
	if d := list.Duration(); d > time.Since(began) || list.Segments[0].Begins.Before(began.Add(-time.Second)) {
		t.Errorf("it lasts %v of %v, from %v before it began", d, time.Since(began), began.Sub(list.Segments[0].Begins))
	}
	s.probe(p)
	stop()
}
