package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestBench_RefusesWhatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "notes.txt", "no pictures")
	file := "--file " + filepath.Join(dir, "notes.txt")
	for said, want := range map[string]string{
		"--viewers 0":                "a publisher and a viewer",
		"--duration 0s":              "--duration",
		"--join-rate=-3":             "--join-rate",
		"--loss 100":                 "--loss",
		"--loss NaN":                 "--loss",
		"--delay=-5ms":               "--delay",
		"--feedback=-1s":             "--feedback",
		"--size 1280x720x3":          "--size",
		"--size 0x0":                 "--size",
		"--video-bitrate 1k":         "--video-bitrate",
		"--pid 1":                    "--pid",
		"--compare":                  "--compare",
		"--whip http://127.0.0.1:1/": "--whep",
		file + " --simulcast":        "--simulcast",
		file:                         "notes.txt",
	} {
		_, stderr, code := finish(t, rostrum(t, append([]string{"bench"}, strings.Fields(said)...)...))
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: expected exit %d and a word of %s, saw exit %d: %s", said, exitUsage, want, code, stderr)
		}
	}
}

func TestBench_FailsWhenNobodyReceivesAnything(t *testing.T) {
	cmd := rostrum(t, "bench", "--viewers", "2", "--duration", "100ms", "--size", "320x180", "--video-bitrate", "300k", "--layer", "golden")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != exitFailure || !strings.Contains(stderr.String(), "nobody received anything") ||
		!strings.Contains(stdout.String(), "0 of 2") || !strings.Contains(stdout.String(), `no layer is called "golden"`) {
		t.Errorf("expected exit %d, 0 of 2 and why, saw exit %d: %s%s", exitFailure, code, stdout.String(), stderr.String())
	}
}
