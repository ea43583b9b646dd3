//go:build cgo

package compose

import (
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/internal/layout"
	"rostrum/internal/testpattern"
)

const (
	seats        = 8
	churnEvery   = 2 * time.Second
	lipSync      = 40 * time.Millisecond
	allowedDrift = 20 * time.Millisecond
)

// ensemble makes what those send who come and go: other codecs, sizes and shapes,
// sizes that change on the way, sound alone. Their sound is a tone without beeps.
func ensemble(t *testing.T) (roles [][]string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: it makes what members send")
	}
	dir := t.TempDir()
	film := func(name, picture, coding string) string {
		name = filepath.Join(dir, name)
		args := "-v error -y"
		if picture != "" {
			args += " -f lavfi -i testsrc2=" + picture
		}
		if !strings.HasSuffix(name, ".h264") {
			args += " -f lavfi -i sine=440,volume=0.8 -c:a libopus -b:a 32k"
		}
		args += " -t 4 " + coding
		if out, err := exec.Command("ffmpeg", append(strings.Fields(args), name)...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg %s: %v\n%s", args, err, out)
		}
		return name
	}
	const (
		h264 = "-c:v libx264 -profile:v baseline -preset ultrafast -tune zerolatency -pix_fmt yuv420p -b:v 700k -g 30"
		vpx  = "-deadline realtime -cpu-used 8 -b:v 700k -g 30 -pix_fmt yuv420p -c:v "
	)
	var turning []byte // a phone that is turned, and whose camera changes
	for i, size := range []string{"640x360", "360x640", "1280x720", "480x480"} {
		data, err := os.ReadFile(film(fmt.Sprintf("%d.h264", i), "s="+size+":r=30", h264+" -t 1"))
		if err != nil {
			t.Fatal(err)
		}
		turning = append(turning, data...)
	}
	if err := os.WriteFile(filepath.Join(dir, "turning.h264"), turning, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{
		film("a.mkv", "s=640x360:r=30", h264), film("b.mkv", "s=360x640:r=16", h264), filepath.Join(dir, "turning.h264"),
		film("c.webm", "s=640x480:r=25", vpx+"libvpx"), film("d.webm", "s=320x240:r=30", vpx+"libvpx-vp9"), film("e.ogg", "", ""),
	} {
		roles = append(roles, []string{f, "--loop"})
	}
	return append(roles, []string{"--simulcast", "--no-audio"})
}

// churn has members come and go at random for a while, with and without a goodbye.
func (s *stage) churn(t *testing.T, length time.Duration) {
	t.Helper()
	roles := ensemble(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var (
		tokens [seats]string
		here   [seats]*performer
	)
	for i := range tokens {
		tokens[i], _ = s.token("PUBLISH")
	}
	came, left, vanished := 0, 0, 0
	next := time.Now()
	for end := next.Add(length); next.Before(end); {
		settle(t, time.Until(next))
		switch i := r.IntN(seats); {
		case here[i] == nil:
			here[i] = s.perform(tokens[i], roles[r.IntN(len(roles))]...)
			came++
		case r.IntN(2) == 0:
			here[i].leave()
			here[i], left = nil, left+1
		default:
			here[i].vanish()
			here[i], vanished = nil, vanished+1
		}
		next = next.Add(churnEvery)
	}
	t.Logf("%d came, %d left, %d vanished", came, left, vanished)
}

// churnLength is how long members come and go: ROSTRUM_CHURN, or half a minute.
func churnLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("ROSTRUM_CHURN")
	if text == "" {
		return 30 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("ROSTRUM_CHURN: %v", err)
	}
	return d
}

func TestComposition_KeepsTimeWhileMembersComeAndGo(t *testing.T) {
	length := churnLength(t)
	s := openKept(t)
	prefer(t, s.running.PID())
	raw, _ := s.token("PUBLISH")
	steady := s.perform(raw, "--size", "640x360")
	prefer(t, steady.cmd.Process.Pid) // a picture that leaves late tells nothing of the composition
	arn, folder := s.start()
	s.awaitComposition(arn, "ACTIVE", composing)
	s.churn(t, length)
	late, ticks := s.counted("late_ticks_total"), s.counted("ticks_total")
	t.Logf("%v ticks of %v were late; the worker has %.0f MiB", late, ticks, s.counted("worker_memory_bytes")/(1<<20))
	if late > 0 && measured() {
		t.Errorf("%v ticks were late", late)
	}
	busy := s.tooBusy()
	s.stop(arn)

	f := watch(t, folder)
	f.expectExactClock()
	if busy != "" {
		t.Skip(busy)
	}
	flashes, jumps := f.follow(testpattern.IdentityOf(steady.id))
	if jumps > 0 && measured() {
		t.Errorf("%d times the first participant isn't there, or doesn't move by one picture, give or take one", jumps)
	}
	within := lipSync
	if late+float64(jumps) > 0 && !measured() {
		within *= 5 // the machine didn't keep up: only what is broken is told from that
	}
	sound := f.samples()
	end := time.Duration(len(sound)) * time.Second / soundRate
	flashes = slices.DeleteFunc(flashes, func(at time.Duration) bool { return at > end-within }) // their beep may come after the end
	expectInSync(t, within, flashes, beeps(sound))
}

// counted is a metric of the one composition that runs.
func (s *studio) counted(name string) float64 {
	s.t.Helper()
	found := regexp.MustCompile(`rostrum_composition_` + name + `\{[^}]*\} (\S+)`).FindStringSubmatch(fetch(s.t, s.running.URL+"/metrics"))
	if found == nil {
		s.t.Fatalf("there is no metric %s of a composition", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// follow watches the first participant of a grid, however many there are: it must be
// in the pictures. It answers when its flashes began, and how often it was not there,
// or did not move by one picture, give or take one, from one to the next.
func (f *footage) follow(identity uint16) (flashes []time.Duration, jumps int) {
	f.t.Helper()
	var windows []window
	for n := 1; n <= seats+1; n++ {
		people := make([]layout.Participant, n)
		for i := range people {
			people[i] = layout.Participant{ID: fmt.Sprint(i), Picture: small}
		}
		windows = append(windows, windowOf(layout.DefaultGrid().Arrange(f.size, people)[0], small))
	}
	at, lit := 0, true
	lost, steps := 0, map[int]int{}
	last := -1
	f.each(func(n int, img *image.YCbCr) {
		near := f.wall(n)
		m, ok := windows[at].mark(img, near)
		for i := 0; !ok || m.Identity != identity; i++ {
			if i == len(windows) {
				if n > 60 { // it has been there for long
					lost++
				}
				return
			}
			at = i
			m, ok = windows[i].mark(img, near)
		}
		if last >= 0 {
			step := int(int16(uint16(m.Frame) - uint16(last)))
			steps[step]++
			if step < 0 || step > 2 {
				jumps++
			}
		}
		last = int(m.Frame)
		flash := windows[at].flashing(img)
		if flash && !lit {
			flashes = append(flashes, f.at(n))
		}
		lit = flash
	})
	f.t.Logf("of %d pictures %d don't show the first participant; from one to the next it moves by (pictures: times) %v", len(f.pictures), lost, steps)
	if lost > len(f.pictures)/100 {
		f.t.Errorf("%d pictures don't show the first participant", lost)
	}
	return flashes, jumps + lost
}

// expectInSync holds flashes and beeps together.
func expectInSync(t *testing.T, within time.Duration, flashes, beeps []time.Duration) {
	t.Helper()
	var offsets []time.Duration
	for _, at := range flashes {
		i, _ := slices.BinarySearch(beeps, at)
		nearest := time.Hour
		for _, b := range beeps[max(0, i-1):min(len(beeps), i+1)] {
			if d := b - at; d.Abs() < nearest.Abs() {
				nearest = d
			}
		}
		if nearest.Abs() > within {
			t.Errorf("the flash at %v has its beep %v later, at most %v is allowed", at, nearest, within)
			continue
		}
		offsets = append(offsets, nearest)
	}
	if len(offsets) < 6 {
		t.Fatalf("%d of %d flashes have their beep: too few to tell", len(offsets), len(flashes))
	}
	third := len(offsets) / 3
	begin, end := mean(offsets[:third]), mean(offsets[len(offsets)-third:])
	t.Logf("lip sync over %d flashes: %v to %v, mean %v; from the first third to the last it moves by %v",
		len(offsets), slices.Min(offsets), slices.Max(offsets), mean(offsets).Round(100*time.Microsecond), (end - begin).Round(100*time.Microsecond))
	if drift, limit := end-begin, allowedDrift*within/lipSync; drift.Abs() > limit {
		t.Errorf("sound drifts by %v from the picture, at most %v is allowed", drift, limit)
	}
}

func mean(all []time.Duration) (m time.Duration) {
	for _, d := range all {
		m += d
	}
	return m / time.Duration(len(all))
}
