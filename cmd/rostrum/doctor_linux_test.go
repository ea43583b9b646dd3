package main

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDoctor_JudgesWhatTheKernelGives: each check of the system, where all is well and where
// it isn't, with what is to be changed.
func TestDoctor_JudgesWhatTheKernelGives(t *testing.T) {
	for says, c := range map[string]struct {
		finding
		state  condition
		remedy string
	}{
		"a clock in step":             {judgeClock(unix.TIME_OK, 0), sound, ""},
		"a clock that nobody keeps":   {judgeClock(unix.TIME_OK, unix.STA_UNSYNC), weak, "time service"},
		"a clock in error":            {judgeClock(unix.TIME_ERROR, 0), weak, "time service"},
		"large buffers":               {judgeBuffer("b", "net.core.rmem_max", wantedBuffer), sound, ""},
		"a kernel's default buffers":  {judgeBuffer("b", "net.core.rmem_max", 212992), weak, "sysctl -w net.core.rmem_max="},
		"a kernel without the buffer": {examineBuffer("b", "net.core.no_such"), unknown, ""},
		"a kernel without an offload": {examineOffload("o", 9999, 1), weak, "Linux"},
		"many files":                  {judgeFiles("f", 1<<20), sound, ""},
		"few files":                   {judgeFiles("f", 1024), weak, "LimitNOFILE"},
	} {
		if c.State != c.state || !strings.Contains(c.Remedy, c.remedy) || (c.Remedy == "") != (c.remedy == "") {
			t.Errorf("%s: expected %s and a remedy with %q, saw %+v", says, c.state, c.remedy, c.finding)
		}
	}
	checks := map[string]bool{}
	for _, f := range examineSystem() {
		checks[f.Check] = true
		if f.Found == "" || f.State == weak && f.Remedy == "" {
			t.Errorf("%+v says too little", f)
		}
	}
	for _, want := range []string{"clock", "UDP receive buffer", "UDP send buffer", "UDP send offload (GSO)", "UDP receive offload (GRO)", "open files"} {
		if !checks[want] {
			t.Errorf("%s is not looked at", want)
		}
	}
}
