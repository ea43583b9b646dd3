//go:build cgo

package compose

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCost_Live has a composition of 720p30 keep time on this machine with as many
// members as a stage of the managed service holds, and tells what its worker used.
// Members publish 640x360 at 30 pictures a second, 800 kbit/s, with sound; they run
// on the same machine.
func TestCost_Live(t *testing.T) {
	if !measured() {
		t.Skip("measures for a minute: ask for it with -cost")
	}
	const length = 20 * time.Second
	film := filepath.Join(t.TempDir(), "member.mkv")
	args := "-v error -f lavfi -i testsrc2=s=640x360:r=30 -f lavfi -i sine=440 -t 10 -c:v libx264 -profile:v baseline -preset veryfast -tune zerolatency " +
		"-pix_fmt yuv420p -b:v 800k -maxrate 800k -bufsize 800k -g 60 -x264-params slices=2 -c:a libopus -b:a 32k"
	if out, err := exec.Command("ffmpeg", append(strings.Fields(args), film)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	for _, c := range []struct {
		members int
		memory  float64 // MiB at most; 0 is not asked for
	}{{4, 0}, {9, 200}, {12, 0}} {
		t.Run(fmt.Sprintf("%d members live in 720p30", c.members), func(t *testing.T) {
			s := openKept(t)
			prefer(t, s.running.PID())
			for range c.members {
				raw, _ := s.token("PUBLISH")
				s.perform(raw, film, "--loop")
			}
			arn, _ := s.start()
			s.awaitComposition(arn, "ACTIVE", composing)
			settle(t, 3*time.Second) // all are decoded
			cpu := s.counted("worker_cpu_seconds_total")
			settle(t, length)
			cpu = (s.counted("worker_cpu_seconds_total") - cpu) / length.Seconds()
			late, ticks, memory := s.counted("late_ticks_total"), s.counted("ticks_total"), s.counted("worker_memory_bytes")/(1<<20)
			s.stop(arn)
			t.Logf("CPU seconds a second: %.2f; late ticks: %v of %v; memory %.0f MiB", cpu, late, ticks, memory)
			if late > 0 {
				t.Errorf("%v ticks of %v were late", late, ticks)
			}
			if c.memory > 0 && memory > c.memory {
				t.Errorf("the worker has %.0f MiB, at most %.0f are allowed", memory, c.memory)
			}
		})
	}
}
