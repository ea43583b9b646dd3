package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// asRostrum makes the test binary be the real one, so that what is tested is
// what runs: signals, exit codes and the race detector included.
const asRostrum = "TEST_AS_ROSTRUM"

func TestMain(m *testing.M) {
	if os.Getenv(asRostrum) != "" {
		main()
	}
	os.Exit(m.Run())
}

// rostrum prepares the binary with nothing of the surrounding configuration.
func rostrum(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{asRostrum + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	return cmd
}

// finish runs a prepared binary to its end.
func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), code
}
