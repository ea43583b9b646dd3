package doctor

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheckSystem_EvaluatesTheKernel(t *testing.T) {
	for says, c := range map[string]struct {
		Finding
		state  State
		remedy string
	}{
		"a clock in step":             {evaluateClock(unix.TIME_OK, 0), OK, ""},
		"a clock that nobody keeps":   {evaluateClock(unix.TIME_OK, unix.STA_UNSYNC), Warning, "time service"},
		"a clock in error":            {evaluateClock(unix.TIME_ERROR, 0), Warning, "time service"},
		"large buffers":               {evaluateBuffer("b", "net.core.rmem_max", minBuffer), OK, ""},
		"a kernel's default buffers":  {evaluateBuffer("b", "net.core.rmem_max", 212992), Warning, "sysctl -w net.core.rmem_max="},
		"a kernel without the buffer": {checkBuffer("b", "net.core.no_such"), Unknown, ""},
		"a kernel without an offload": {checkOffload("o", 9999, 1), Warning, "Linux"},
		"many files":                  {evaluateFiles("f", 1<<20), OK, ""},
		"few files":                   {evaluateFiles("f", 1024), Warning, "LimitNOFILE"},
	} {
		if c.State != c.state || !strings.Contains(c.Remedy, c.remedy) || (c.Remedy == "") != (c.remedy == "") {
			t.Errorf("%s: expected %s and a remedy with %q, saw %+v", says, c.state, c.remedy, c.Finding)
		}
	}
	checks := map[string]bool{}
	for _, f := range checkSystem() {
		checks[f.Check] = true
		if f.Found == "" || f.State == Warning && f.Remedy == "" {
			t.Errorf("%+v says too little", f)
		}
	}
	for _, want := range []string{"clock", "UDP receive buffer", "UDP send buffer", "UDP send offload (GSO)", "UDP receive offload (GRO)", "open files"} {
		if !checks[want] {
			t.Errorf("%s is not looked at", want)
		}
	}
}
