//go:build cgo

package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	official "github.com/aws/aws-sdk-go-v2/service/ivs"
	"golang.org/x/sys/unix"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

func compositionIs(state ivsrealtime.CompositionState) func(*ivsrealtime.Composition) bool {
	return func(c *ivsrealtime.Composition) bool { return c.State == state }
}

// worker is the process of the only composition.
func (s *studio) worker(t *testing.T) int {
	t.Helper()
	all := workersOf(t, s.running.PID())
	if len(all) != 1 {
		t.Fatalf("expected one worker, saw %v", all)
	}
	return all[0]
}

// A worker that stands still is one that no longer does anything, and no longer
// hears: SIGSTOP makes it so.
func standStill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func TestComposition_ReplacesAWorker(t *testing.T) {
	beside(t)
	for how, c := range map[string]struct {
		fault  func(*testing.T, int)
		within time.Duration // of the fault, until another composes; thrice where others are tested, too
	}{
		"that hangs": {standStill, 9 * time.Second},
		"that gets no more memory": {func(t *testing.T, pid int) {
			none := &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
			if err := unix.Prlimit(pid, unix.RLIMIT_DATA, none, nil); err != nil {
				t.Fatal(err)
			}
		}, 20 * time.Second},
	} {
		t.Run(how, func(t *testing.T) {
			beside(t)
			s := openKept(t)
			s.publish("--size", "640x360")
			arn, folder := s.start()
			s.awaitComposition(arn, "a segment", segment(folder, 0))
			faulty := s.worker(t)
			c.fault(t, faulty)
			began := time.Now()
			s.publish("--size", "1920x1080") // for whose pictures memory is needed
			for range 3 {                    // and for whose threads: a decoder alone may do without
				s.publish("--size", "640x360")
			}
			s.awaitComposition(arn, "RECONNECTING", destinationIs(ivsrealtime.DestinationReconnecting))
			noticed := time.Since(began)
			s.awaitComposition(arn, "ACTIVE again", composing)
			took := time.Since(began)
			t.Logf("noticed after %v, replaced after %v", noticed.Round(time.Millisecond), took.Round(time.Millisecond))
			if took > c.within && measured() || took > 3*c.within {
				t.Errorf("expected another worker within %v, it took %v", c.within, took)
			}
			if now := s.worker(t); now == faulty || syscall.Kill(faulty, 0) == nil {
				t.Errorf("worker %d is still there, beside or as %d", faulty, now)
			}
			s.stop(arn)
			s.expectEvents(arn, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End")
			s.expectSound(folder)
		})
	}
}

// expectSound holds a recording to be a VOD of which a foreign player finds every
// picture.
func (s *studio) expectSound(folder string) hls.Playlist {
	t := s.t
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(folder, "media/hls/720p30-*", "playlist.m3u8"))
	if len(found) != 1 {
		t.Fatalf("playlists are %v", found)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	list, err := hls.Parse(text)
	if err != nil || !list.Ended || len(list.Segments) == 0 {
		t.Errorf("the playlist is no VOD: %v\n%s", err, text)
	}
	for _, name := range []string{"events/recording-started.json", "events/recording-ended.json"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Errorf("a file of the recording is missing: %v", err)
		}
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		return list
	}
	says, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-i", found[0], "-f", "null", "-").CombinedOutput()
	if err != nil || len(says) > 0 {
		t.Errorf("ffmpeg doesn't get through the recording: %v\n%s", err, says)
	}
	return list
}

func TestComposition_KillsAWorkerThatDoesNotStop(t *testing.T) {
	beside(t)
	s := openKept(t)
	s.publish("--size", "640x360")
	arn, folder := s.start()
	s.awaitComposition(arn, "a segment", segment(folder, 1))
	standStill(t, s.worker(t))
	began := time.Now()
	s.stop(arn)
	if took := time.Since(began); took > 7*time.Second && measured() || took > 20*time.Second {
		t.Errorf("expected STOPPED within 7 s, it took %v", took)
	}
	if left := workersOf(t, s.running.PID()); len(left) != 0 {
		t.Errorf("workers are left: %v", left)
	}
	s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session End")
	s.expectSound(folder)
}

func TestComposition_StopsWhileItStarts(t *testing.T) {
	beside(t)
	s := openKept(t)
	s.publish("--size", "320x180")
	for range 5 {
		arn, _ := s.start()
		s.stop(arn)
		if told := s.events(arn); !slices.Equal(told[len(told)-2:], []string{"Destination End", "Session End"}) {
			t.Errorf("events are %q", told)
		}
	}
	if left := workersOf(t, s.running.PID()); len(left) != 0 {
		t.Errorf("workers are left: %v", left)
	}
	expectNoSpool(t, s)
}

func TestComposition_EndsWithItsStage(t *testing.T) {
	beside(t)
	s := openKept(t)
	s.publish("--size", "640x360")
	arn, folder := s.start()
	s.awaitComposition(arn, "a segment", segment(folder, 0))
	if _, err := s.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{ARN: s.stageARN}); err != nil {
		t.Fatal(err)
	}
	c := s.awaitComposition(arn, "FAILED", compositionIs(ivsrealtime.CompositionFailed))
	if c.Destinations[0].State != ivsrealtime.DestinationStopped || c.EndTime.IsZero() {
		t.Errorf("after the stage's end the composition is %+v", c)
	}
	s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session Failure StageDeleted")
	s.expectSound(folder)
}

func TestComposition_EndsByItself(t *testing.T) {
	beside(t)
	for why, limits := range map[string]string{
		"when nobody publishes any more": "open,composition_idle=3s",
		"when it has taken long enough":  "aws,composition_duration=6s",
	} {
		t.Run(why, func(t *testing.T) {
			beside(t)
			s := openKept(t, "--limits", limits)
			raw, _ := s.token("PUBLISH")
			publisher := exec.CommandContext(t.Context(), s.binary, "publish", "--token", raw, "--size", "320x180")
			if err := publisher.Start(); err != nil {
				t.Fatal(err)
			}
			arn, folder := s.start()
			s.awaitComposition(arn, "a segment", segment(folder, 0))
			if strings.HasPrefix(limits, "open") {
				_ = publisher.Process.Signal(os.Interrupt)
			}
			s.awaitComposition(arn, "STOPPED", compositionIs(ivsrealtime.CompositionStopped))
			s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session End")
			s.expectSound(folder)
			_ = publisher.Process.Kill()
			_ = publisher.Wait()
		})
	}
	t.Run("when nobody ever comes", func(t *testing.T) {
		beside(t)
		s := openKept(t, "--limits", "open,composition_idle=3s")
		arn, folder := s.start()
		s.awaitComposition(arn, "STOPPED", compositionIs(ivsrealtime.CompositionStopped))
		s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session End")
		s.expectSound(folder)
	})
}

func TestComposition_GoesOnWhenItsChannelBreaksOff(t *testing.T) {
	beside(t)
	s := openKept(t)
	s.publish("--size", "640x360")
	made, to := s.openChannel()
	channel := made.Channel.Arn
	c := s.begin(to)
	s.awaitComposition(c.ARN, "ACTIVE", composing)
	s.await("a live stream", func() bool {
		_, err := s.channels().StopStream(t.Context(), &official.StopStreamInput{ChannelArn: channel})
		return err == nil
	})
	s.awaitComposition(c.ARN, "RECONNECTING", destinationIs(ivsrealtime.DestinationReconnecting))
	began := time.Now()
	s.awaitComposition(c.ARN, "ACTIVE again", composing)
	t.Logf("ACTIVE again %v after RECONNECTING was told", time.Since(began).Round(time.Millisecond))
	s.stop(c.ARN)
	s.expectEvents(c.ARN, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination End", "Session End")
}

func TestComposition_FailsWhenSomebodyElseTakesItsChannel(t *testing.T) {
	beside(t)
	s := openKept(t)
	s.publish("--size", "640x360")
	made, to := s.openChannel()
	channel := made.Channel.Arn
	c := s.begin(to)
	s.awaitComposition(c.ARN, "ACTIVE", composing)
	if _, err := s.channels().DeleteChannel(t.Context(), &official.DeleteChannelInput{Arn: channel}); err == nil {
		t.Error("a channel that a composition goes to was deleted")
	}
	worker := s.worker(t)
	standStill(t, worker) // for less than would be noticed
	if _, err := s.channels().StopStream(t.Context(), &official.StopStreamInput{ChannelArn: channel}); err != nil {
		t.Fatal(err)
	}
	defer encode(t, ingest(made))()
	s.await("the other encoder on air", func() bool {
		_, err := s.channels().GetStream(t.Context(), &official.GetStreamInput{ChannelArn: channel})
		return err == nil
	})
	if err := syscall.Kill(worker, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.awaitComposition(c.ARN, "FAILED", compositionIs(ivsrealtime.CompositionFailed))
	told := s.events(c.ARN)
	if n := len(told); n < 3 || told[n-3] != "Destination Reconnecting" || told[n-2] != "Destination Failure ConflictException" || told[n-1] != "Session Failure DestinationFailure" {
		t.Errorf("events are %q", told)
	}
	if left := workersOf(t, s.running.PID()); len(left) != 0 {
		t.Errorf("workers are left: %v", left)
	}
}
