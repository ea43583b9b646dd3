package doctor

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"rostrum/internal/worker"
)

// checkCompositions checks that compositions can start here, and with which encoders.
func checkCompositions(ctx context.Context) Finding {
	const check = "compositions"
	program := worker.FindProgram()
	if program == "" {
		return Finding{check, Warning, "rostrum-media is neither beside rostrum nor in PATH: compositions cannot start, everything else works",
			"put rostrum-media beside rostrum (make build makes both)"}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, "encoders").Output()
	if err != nil {
		return Finding{check, Broken, program + " does not run: " + err.Error(), "install the libraries that it was built with (ldd " + program + ")"}
	}
	var encoders []string
	for line := range strings.Lines(string(output)) {
		if name, state, _ := strings.Cut(line, " "); strings.TrimSpace(state) == "works" {
			encoders = append(encoders, name)
		}
	}
	if len(encoders) == 0 {
		return Finding{check, Broken, program + " has no encoder that works", "install an FFmpeg with libx264"}
	}
	return Finding{Check: check, State: OK, Found: program + " encodes with " + strings.Join(encoders, ", ")}
}
