//go:build cgo

package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

// howMany is how often compositions are started and stopped: ROSTRUM_MANY says so, 1
// is a thousand times.
func howMany(t *testing.T) int {
	t.Helper()
	switch n, err := strconv.Atoi(os.Getenv("ROSTRUM_MANY")); {
	case os.Getenv("ROSTRUM_MANY") == "":
		return 20
	case err != nil || n < 1:
		t.Fatal("ROSTRUM_MANY is a number of times")
		return 0
	case n == 1:
		return 1000
	default:
		return n
	}
}

// holdings are what a server has that compositions could leave behind, by the names
// of its metrics, and by how much each may differ for reasons of its own.
var holdings = map[string]float64{
	"go_goroutines": 8, "process_open_fds": 4, "rostrum_media_transports": 0, "rostrum_compositions": 0,
	"rostrum_stage_participants": 0, "rostrum_stage_subscribers": 0, "rostrum_stage_sockets": 0,
}

// held reads the holdings, each added up over its labels.
func (s *studio) held() map[string]float64 {
	s.t.Helper()
	sums := map[string]float64{}
	for _, line := range regexp.MustCompile(`(?m)^(\w+)(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(fetch(s.t, s.running.URL+"/metrics"), -1) {
		if _, is := holdings[line[1]]; is {
			n, err := strconv.ParseFloat(line[2], 64)
			if err != nil {
				s.t.Fatal(err)
			}
			sums[line[1]] += n
		}
	}
	return sums
}

func TestComposition_StartsAndStopsManyTimes(t *testing.T) {
	times, temporary := howMany(t), t.TempDir()
	build(t)
	t.Setenv("TMPDIR", temporary)
	s := openKept(t)
	t.Setenv("TMPDIR", "") // for our own things
	s.publish("--size", "320x180")
	small, err := s.client.CreateEncoderConfiguration(t.Context(), &ivsrealtime.CreateEncoderConfigurationInput{
		Video: &ivsrealtime.Video{Width: new(320), Height: new(180)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.encoder = small.EncoderConfiguration.ARN
	once := func() (took time.Duration) {
		began := time.Now()
		arn, folder := s.start()
		s.awaitComposition(arn, "ACTIVE", composing)
		took = time.Since(began)
		s.stop(arn)
		s.expectEvents(arn, "Session Start", "Destination Start", "Destination End", "Session End")
		if _, err := os.Stat(filepath.Join(folder, "events/recording-ended.json")); err != nil {
			t.Errorf("a recording has no end: %v", err)
		}
		return took
	}
	once() // what is there from then on stays
	before := s.held()
	slowest := time.Duration(0)
	for range times {
		slowest = max(slowest, once())
	}
	t.Logf("%d starts and stops, the slowest start took %v", times, slowest.Round(time.Millisecond))
	if left := workersOf(t, s.running.PID()); len(left) != 0 {
		t.Errorf("workers are left: %v", left)
	}
	var after map[string]float64
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		after = s.held()
		excess := ""
		for name, slack := range holdings {
			if after[name] > before[name]+slack {
				excess = name
			}
		}
		if excess == "" {
			break
		}
		if time.Now().After(late) {
			t.Errorf("%s is %g, was %g before", excess, after[excess], before[excess])
			break
		}
	}
	t.Logf("held before %v and after %v", before, after)
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
	expectNoSpool(t, s)
}
