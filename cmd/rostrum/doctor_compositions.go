package main

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"rostrum/internal/worker"
)

// examineCompositions tells whether compositions can start here, and with which encoders.
func examineCompositions(ctx context.Context) finding {
	const check = "compositions"
	program := worker.FindProgram()
	if program == "" {
		return finding{check, weak, "rostrum-media is neither beside rostrum nor in PATH: compositions can't start, all else works",
			"put rostrum-media beside rostrum (make build makes both)"}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	says, err := exec.CommandContext(ctx, program, "encoders").Output()
	if err != nil {
		return finding{check, broken, program + " does not run: " + err.Error(), "install the libraries that it was built with (ldd " + program + ")"}
	}
	var works []string
	for line := range strings.Lines(string(says)) {
		if name, state, _ := strings.Cut(line, " "); strings.TrimSpace(state) == "works" {
			works = append(works, name)
		}
	}
	if len(works) == 0 {
		return finding{check, broken, program + " has no encoder that works", "install an FFmpeg with libx264"}
	}
	return finding{Check: check, State: sound, Found: program + " encodes with " + strings.Join(works, ", ")}
}
