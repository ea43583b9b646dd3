package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	cmd.Env = []string{asRostrum + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "SSL_CERT_FILE=" + os.Getenv("SSL_CERT_FILE")}
	return cmd
}

// finish runs the command line of a prepared binary to its end, in this process:
// starting a process costs more than most commands do.
func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	t.Chdir(cmd.Dir)
	for _, variable := range cmd.Env {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "ROSTRUM_") {
			t.Setenv(name, value)
		}
	}
	var out, complaints bytes.Buffer
	code = run(t.Context(), cmd.Args[1:], &out, &complaints)
	return out.String(), complaints.String(), code
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
