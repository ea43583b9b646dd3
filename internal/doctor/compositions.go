package doctor

import (
	"context"
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
	encoders, err := worker.ListEncoders(ctx, program)
	if err != nil {
		return Finding{check, Broken, program + " does not run: " + err.Error(),
			"install the libraries that it was built with (ldd " + program + "); libraries outside of /usr and /lib must be in LD_LIBRARY_PATH"}
	}
	if len(encoders) == 0 {
		return Finding{check, Broken, program + " has no encoder that works", "install an FFmpeg with libx264"}
	}
	return Finding{Check: check, State: OK, Found: program + " encodes with " + strings.Join(encoders, ", ")}
}

// checkSandbox checks what the kernel keeps media workers from.
func checkSandbox() Finding {
	const check = "media workers"
	what, complete := worker.Sandbox()
	if !complete {
		return Finding{check, Warning, what, "use Linux 6.12 or newer with Landlock"}
	}
	return Finding{Check: check, State: OK, Found: what}
}
