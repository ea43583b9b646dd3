//go:build cgo

package compose

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

// prefixOf is where a composition's recording is in its bucket.
func prefixOf(c *ivsrealtime.Composition) string {
	return c.Destinations[len(c.Destinations)-1].Detail.S3.RecordingPrefix
}

// segmentInS3 tells that a recording has its nth in the bucket.
func segmentInS3(at *s3Server, n int) func(*ivsrealtime.Composition) bool {
	return func(c *ivsrealtime.Composition) bool {
		return slices.ContainsFunc(at.names(prefixOf(c)), func(name string) bool {
			return strings.HasPrefix(name, "media/hls/720p30-") && path.Base(name) == fmt.Sprintf("%d.mp4", n)
		})
	}
}

func destinationIs(state ivsrealtime.DestinationState) func(*ivsrealtime.Composition) bool {
	return func(c *ivsrealtime.Composition) bool { return c.Destinations[0].State == state }
}

// mediaPlaylist reads a recording's.
func mediaPlaylist(t *testing.T, at *s3Server, prefix string) (name, text string) {
	t.Helper()
	for _, name := range at.names(prefix) {
		if path.Base(name) == "playlist.m3u8" {
			data, _ := at.get(prefix + "/" + name)
			return name, string(data)
		}
	}
	t.Fatalf("there is no playlist below %s", prefix)
	return "", ""
}

func TestS3_HoldsARecording(t *testing.T) {
	at := openS3(t)
	s := openKept(t, "--s3-endpoint", at.url)
	first, second := s.publish("--size", "640x360"), s.publish("--size", "640x360")
	c := s.begin(s.bucket())
	prefix := prefixOf(c)
	if !regexp.MustCompile(`^\w{12}/\w{12}/\w{12}/composite$`).MatchString(prefix) {
		t.Errorf("the recording's prefix is %q", prefix)
	}
	s.awaitComposition(c.ARN, "ACTIVE", composing)
	if there := at.names(prefix); !slices.Contains(there, "events/recording-started.json") {
		t.Errorf("ACTIVE with %q in the bucket", there)
	}
	s.awaitComposition(c.ARN, "segments", segmentInS3(at, 3))
	if _, text := mediaPlaylist(t, at, prefix); !strings.Contains(text, "#EXT-X-PLAYLIST-TYPE:EVENT\n") {
		t.Errorf("while it runs the playlist is\n%s", text)
	}
	s.stop(c.ARN)
	s.expectEvents(c.ARN, "Session Start", "Destination Start", "Destination End", "Session End")

	expectLayout(t, at, prefix)
	expectMetadata(t, at, prefix, s.stageARN)
	list := s.expectRecording(at.download(prefix), first, second)
	expectPresignedPlayable(t, at, prefix, list)
	expectCommandLineLists(t, at, prefix)
}

// expectLayout holds the names of a recording's files, and what they are told to be,
// to what is documented.
func expectLayout(t *testing.T, at *s3Server, prefix string) {
	t.Helper()
	rendition := `media/hls/720p30-[0-9A-Za-z]{12}/`
	known := map[*regexp.Regexp]string{
		regexp.MustCompile(`^events/recording-(started|ended)\.json$`):     "application/json",
		regexp.MustCompile(`^media/hls/multivariant\.m3u8$`):               "application/vnd.apple.mpegurl",
		regexp.MustCompile(`^` + rendition + `playlist\.m3u8$`):            "application/vnd.apple.mpegurl",
		regexp.MustCompile(`^` + rendition + `(init-)?\d+\.mp4$`):          "video/mp4",
		regexp.MustCompile(`^media/thumbnails/1280x720/\d+\.jpg$`):         "image/jpeg",
		regexp.MustCompile(`^media/latest_thumbnail/1280x720/thumb\.jpg$`): "image/jpeg",
	}
	seen := map[*regexp.Regexp]bool{}
	for _, name := range at.names(prefix) {
		expected := ""
		for pattern, contentType := range known {
			if pattern.MatchString(name) {
				expected, seen[pattern] = contentType, true
			}
		}
		if data, is := at.get(prefix + "/" + name); expected == "" || is != expected || len(data) == 0 {
			t.Errorf("%s has %d bytes and the content type %q, expected %q", name, len(data), is, expected)
		}
	}
	for pattern := range known {
		if !seen[pattern] {
			t.Errorf("no file is called %s", pattern)
		}
	}
}

// expectMetadata holds the files under events/ to what is documented, member for
// member.
func expectMetadata(t *testing.T, at *s3Server, prefix, stageARN string) {
	t.Helper()
	playlist, text := mediaPlaylist(t, at, prefix)
	list, err := hls.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	size := `"resolution_width":1280,"resolution_height":720`
	for name, told := range map[string][2]string{
		"events/recording-started.json": {`"recording_status":"RECORDING_STARTED"`, ``},
		"events/recording-ended.json":   {`"recording_ended_at":"TIME","recording_status":"RECORDING_ENDED"`, fmt.Sprintf(`"duration_ms":%d,`, list.Duration().Milliseconds())},
	} {
		expected := `{"version":"v1","stage_arn":"` + stageARN + `","recording_started_at":"TIME",` + told[0] + `,"media":{"hls":{` + told[1] +
			`"path":"media/hls","playlist":"multivariant.m3u8","renditions":[{"path":"` + path.Base(path.Dir(playlist)) + `","playlist":"playlist.m3u8",` + size + `}]},` +
			`"thumbnails":{"path":"media/thumbnails","resolutions":[{"path":"1280x720",` + size + `}]},` +
			`"latest_thumbnail":{"path":"media/latest_thumbnail","resolutions":[{"path":"1280x720",` + size + `}]}}}`
		raw, _ := at.get(prefix + "/" + name)
		seen := regexp.MustCompile(`"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"`).ReplaceAllString(compact(t, raw), `"TIME"`)
		if seen != compact(t, []byte(expected)) {
			t.Errorf("%s: expected\n%s\nsaw\n%s", name, compact(t, []byte(expected)), seen)
		}
	}
}

// compact is a JSON text with its members in alphabetic order and without space.
func compact(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expectPresignedPlayable has a foreign player go through a recording by presigned
// addresses, as a bucket that is closed to the public is read.
func expectPresignedPlayable(t *testing.T, at *s3Server, prefix string, list hls.Playlist) {
	t.Helper()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Log("ffprobe is not installed")
		return
	}
	name, text := mediaPlaylist(t, at, prefix)
	signed := regexp.MustCompile(`(?:init-)?\d+\.mp4`).ReplaceAllStringFunc(text, func(file string) string {
		return at.presign(prefix + "/" + path.Dir(name) + "/" + file)
	})
	file := filepath.Join(t.TempDir(), "signed.m3u8")
	if err := os.WriteFile(file, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	says, err := exec.CommandContext(t.Context(), probe, "-v", "error", "-protocol_whitelist", "file,http,tcp", "-allowed_extensions", "ALL", "-count_packets",
		"-show_entries", "stream=codec_name,width,height,nb_read_packets", "-of", "csv=p=0", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, says)
	}
	packets := 0
	if _, err := fmt.Sscanf(string(says), "h264,1280,720,%d\n", &packets); err != nil || !strings.Contains(string(says), "\naac,") {
		t.Errorf("ffprobe finds\n%s", says)
	}
	if told := int(list.Duration().Seconds() * 30); packets < told-2 || packets > told+2 {
		t.Errorf("ffprobe finds %d pictures in %v at 30 a second", packets, list.Duration())
	}
}

// expectCommandLineLists has the AWS CLI see what is there.
func expectCommandLineLists(t *testing.T, at *s3Server, prefix string) {
	t.Helper()
	cli := os.Getenv("ROSTRUM_AWS_CLI")
	if cli == "" {
		t.Log("ROSTRUM_AWS_CLI names no AWS CLI")
		return
	}
	says, err := exec.CommandContext(t.Context(), cli, "--endpoint-url", at.url, "s3", "ls", "--recursive", "s3://recordings/"+prefix+"/").CombinedOutput()
	if err != nil {
		t.Fatalf("aws s3 ls: %v\n%s", err, says)
	}
	for _, name := range at.names(prefix) {
		if !strings.Contains(string(says), prefix+"/"+name+"\n") {
			t.Errorf("aws s3 ls doesn't show %s", name)
		}
	}
}

// await waits for something outside of the API.
func (s *stage) await(what string, is func() bool) {
	s.t.Helper()
	for late := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("expected %s, in vain", what)
		}
	}
}

// spooled is how many bytes wait for a bucket, as the metrics tell.
func (s *studio) spooled() (n float64) {
	s.t.Helper()
	found := regexp.MustCompile(`rostrum_composition_spool_bytes\{composition="\w+"\} (\S+)\n`).FindStringSubmatch(fetch(s.t, s.running.URL+"/metrics"))
	if found == nil {
		return 0
	}
	_, _ = fmt.Sscanf(found[1], "%g", &n)
	return n
}

func TestS3_MayBeAwayForLong(t *testing.T) {
	at := openS3(t)
	s := openKept(t, "--s3-endpoint", at.url)
	first := s.publish("--size", "640x360") // and comes back
	c := s.begin(s.bucket())
	s.awaitComposition(c.ARN, "segments", segmentInS3(at, 1))

	at.end()
	s.awaitComposition(c.ARN, "RECONNECTING", destinationIs(ivsrealtime.DestinationReconnecting))
	s.await("more than a megabyte in the spool", func() bool { return s.spooled() > 1<<20 })
	s.running.Kill() // a night when nothing goes well
	s.serve()
	second := s.publish("--size", "640x360")
	s.awaitComposition(c.ARN, "RECONNECTING still", destinationIs(ivsrealtime.DestinationReconnecting))
	s.await("another megabyte in the spool", func() bool { return s.spooled() > 2<<20 })
	at.begin()
	s.awaitComposition(c.ARN, "ACTIVE again", composing)
	s.await("an empty spool", func() bool { return s.spooled() == 0 })
	s.await("both publishers", func() bool { return s.counted("publishers") == 2 })

	at.end() // and at the end once more
	s.awaitComposition(c.ARN, "RECONNECTING again", destinationIs(ivsrealtime.DestinationReconnecting))
	if _, err := s.client.StopComposition(t.Context(), &ivsrealtime.StopCompositionInput{ARN: c.ARN}); err != nil {
		t.Fatal(err)
	}
	s.await("all workers to end", func() bool { return len(workersOf(t, s.running.PID())) == 0 })
	s.awaitComposition(c.ARN, "STOPPING as long as the end isn't in the bucket", func(c *ivsrealtime.Composition) bool {
		return c.State == ivsrealtime.CompositionStopping && c.Destinations[0].State == ivsrealtime.DestinationStopping
	})
	at.begin()
	s.awaitComposition(c.ARN, "STOPPED", func(c *ivsrealtime.Composition) bool { return c.State == ivsrealtime.CompositionStopped })
	s.expectEvents(c.ARN, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination Reconnecting", "Destination End", "Session End")
	expectLayout(t, at, prefixOf(c))
	list := s.expectRecording(at.download(prefixOf(c)), first, second)
	expectPresignedPlayable(t, at, prefixOf(c), list) // every segment from the first to the last
	expectNoSpool(t, s)
}

// expectNoSpool holds a server to leave nothing of what ended.
func expectNoSpool(t *testing.T, s *studio) {
	t.Helper()
	s.await("an empty spool folder", func() bool {
		left, _ := os.ReadDir(filepath.Join(s.data, "spool"))
		return len(left) == 0
	})
}

func TestS3_AwayTooLongCostsItsDestinationAlone(t *testing.T) {
	at := openS3(t)
	s := openKept(t, "--s3-endpoint", at.url, "--spool-bytes", "1000000")
	s.publish("--size", "640x360")
	_, channel := s.openChannel()
	c := s.begin(channel, s.bucket())
	both := func(of [2]ivsrealtime.DestinationState) func(*ivsrealtime.Composition) bool {
		return func(c *ivsrealtime.Composition) bool {
			return c.Destinations[0].State == of[0] && c.Destinations[1].State == of[1]
		}
	}
	s.awaitComposition(c.ARN, "both ACTIVE", both([2]ivsrealtime.DestinationState{"ACTIVE", "ACTIVE"}))
	at.end()
	c = s.awaitComposition(c.ARN, "one FAILED", both([2]ivsrealtime.DestinationState{"ACTIVE", "FAILED"}))
	if c.State != ivsrealtime.CompositionActive {
		t.Errorf("the composition is %s while it goes to the channel", c.State)
	}
	at.begin()
	s.stop(c.ARN)
	told := s.events(c.ARN)
	slices.Sort(told[1:3]) // whichever came first
	if expected := []string{"Session Start", "Destination Start", "Destination Start", "Destination Reconnecting",
		"Destination Failure InternalServerException", "Destination End", "Session End"}; !slices.Equal(told, expected) {
		t.Errorf("events: expected %q, saw %q", expected, told)
	}
	expectNoSpool(t, s)
}

func TestS3_MayBeAwayAtTheStart(t *testing.T) {
	at := openS3(t)
	s := openKept(t, "--s3-endpoint", at.url)
	at.end()
	first, second := s.publish("--size", "640x360"), s.publish("--size", "640x360")
	c := s.begin(s.bucket())
	s.await("a megabyte in the spool", func() bool { return s.spooled() > 1<<20 })
	s.awaitComposition(c.ARN, "STARTING still", destinationIs(ivsrealtime.DestinationStarting))
	at.begin()
	s.awaitComposition(c.ARN, "ACTIVE", composing)
	s.stop(c.ARN)
	s.expectEvents(c.ARN, "Session Start", "Destination Start", "Destination End", "Session End")
	expectLayout(t, at, prefixOf(c))
	expectPresignedPlayable(t, at, prefixOf(c), s.expectRecording(at.download(prefixOf(c)), first, second))
}

func TestS3_ThatHangsIsToldAsInterrupted(t *testing.T) {
	at := openS3(t)
	s := openKept(t, "--s3-endpoint", at.url)
	s.publish("--size", "640x360")
	c := s.begin(s.bucket())
	s.awaitComposition(c.ARN, "segments", segmentInS3(at, 0))
	at.signal(syscall.SIGSTOP)
	began := time.Now()
	s.awaitComposition(c.ARN, "RECONNECTING", destinationIs(ivsrealtime.DestinationReconnecting))
	t.Logf("RECONNECTING %v after the S3 server fell silent", time.Since(began).Round(time.Millisecond))
	at.signal(syscall.SIGCONT)
	s.awaitComposition(c.ARN, "ACTIVE again", composing)
	s.stop(c.ARN)
	s.expectEvents(c.ARN, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End")
}

func TestS3_ThatRefusesEndsTheDestination(t *testing.T) {
	failed := func(c *ivsrealtime.Composition) bool {
		return c.State == ivsrealtime.CompositionFailed && c.Destinations[0].State == ivsrealtime.DestinationFailed
	}
	t.Run("the secret is wrong", func(t *testing.T) {
		at := openS3(t)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "of another server")
		at.end() // or the storage configuration would be refused
		s := openKept(t, "--s3-endpoint", at.url)
		s.refused = true
		at.begin()
		s.publish("--size", "320x180")
		c := s.begin(s.bucket())
		s.awaitComposition(c.ARN, "FAILED", failed)
		s.expectEvents(c.ARN, "Destination Failure AccessDeniedException", "Session Failure DestinationFailure")
		expectNoSpool(t, s)
	})
	t.Run("there is no such bucket", func(t *testing.T) {
		at := openS3(t)
		s := openKept(t, "--s3-endpoint", at.url)
		s.refused = true
		nowhere := aws.String("nowhere") // any more
		if _, err := at.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: nowhere}); err != nil {
			t.Fatal(err)
		}
		k, err := s.client.CreateStorageConfiguration(t.Context(), &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: "nowhere"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := at.client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: nowhere}); err != nil {
			t.Fatal(err)
		}
		s.storage = k.StorageConfiguration.ARN
		s.publish("--size", "320x180")
		c := s.begin(s.bucket())
		s.awaitComposition(c.ARN, "FAILED", failed)
		s.expectEvents(c.ARN, "Destination Failure ResourceNotFoundException", "Session Failure DestinationFailure")
		expectNoSpool(t, s)
	})
}
