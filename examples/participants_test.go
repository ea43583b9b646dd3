package examples_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// beeps writes a file of audio: a beep in each second.
func beeps(t *testing.T, seconds int) string {
	t.Helper()
	tone, err := testpattern.NewTone(3)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "beeps.ogg")
	out, err := container.Create(path, []container.Track{{Codec: media.Opus, Channels: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint32(seconds * int(time.Second/testpattern.PacketTime)) {
		f := container.Frame{Time: time.Duration(n) * testpattern.PacketTime, Duration: testpattern.PacketTime, Keyframe: true, Data: tone.Packet(n)}
		if err := out.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokens are those of participants of a new stage.
func tokens(t *testing.T, s *server.Server, users ...string) (all []*ivsrealtime.ParticipantToken) {
	t.Helper()
	client, err := ivsrealtime.NewClientBuilder().Region(s.Region).EndpointOverride(s.URL).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, "")).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	created, err := client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		out, err := client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{
			StageARN: created.Stage.ARN, UserID: user,
			Capabilities: []ivsrealtime.Capability{ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe},
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.ParticipantToken)
	}
	return all
}

// untilPrinted returns once a program has printed all lines, in any order.
func untilPrinted(t *testing.T, from io.Reader, lines ...string) {
	t.Helper()
	scanner := bufio.NewScanner(from)
	for len(lines) > 0 {
		if !scanner.Scan() {
			t.Fatalf("it did not print %q: %v", lines, scanner.Err())
		}
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == scanner.Text() })
	}
}

// participate has the bot welcome who joins, a publisher publish, and all recorded.
func participate(t *testing.T, folder string, s *server.Server) {
	all := tokens(t, s, "recorder", "bot", "singer")
	recorder, bot, singer := all[0], all[1], all[2]
	if out, err := exec.Command(filepath.Join(folder, "publish-file"), singer.Token, beeps(t, 1)).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("publish-file: %v, %s", err, out)
	}
	wavs := t.TempDir()
	recording := exec.Command(filepath.Join(folder, "record-wav"), recorder.Token, wavs)
	recording.Stderr = os.Stderr
	printed, err := recording.StdoutPipe()
	if err == nil {
		err = recording.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recording.Process.Kill() }) // it has ended, unless the test failed
	untilPrinted(t, start(t, os.Environ(), filepath.Join(folder, "greeting-bot"), bot.Token, beeps(t, 2)), "welcome recorder")
	start(t, os.Environ(), filepath.Join(folder, "publish-file"), singer.Token, beeps(t, 60))
	file := filepath.Join(wavs, singer.ParticipantID+".wav")
	untilPrinted(t, printed, "recording "+file, "recording "+filepath.Join(wavs, bot.ParticipantID+".wav"))
	for deadline := time.Now().Add(20 * time.Second); ; {
		if info, err := os.Stat(file); err == nil && info.Size() > 3*48000*2*2 { // three seconds
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the recording does not grow")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := recording.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := recording.Wait(); err != nil {
		t.Fatal(err)
	}
	checkWAV(t, file)
}

// checkWAV checks that a file is whole and beeps as the test pattern does: a tenth of each
// second, beside a quiet tone.
func checkWAV(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < 44 || !strings.HasPrefix(string(data), "RIFF") || !bytes.Equal(data[36:40], []byte("data")) ||
		int(binary.LittleEndian.Uint32(data[4:])) != len(data)-8 || int(binary.LittleEndian.Uint32(data[40:])) != len(data)-44 {
		t.Fatalf("the header of %d bytes is %q", len(data), data[:min(44, len(data))])
	}
	loud := 0
	for i := 44; i+1 < len(data); i += 2 {
		if s := int16(binary.LittleEndian.Uint16(data[i:])); s > 8000 || s < -8000 {
			loud++
		}
	}
	if share := float64(loud) / float64(len(data)/2); share < 0.01 || share > 0.3 {
		t.Errorf("%.3f of the samples are loud, expected most of the tenth that beeps", share)
	}
}
