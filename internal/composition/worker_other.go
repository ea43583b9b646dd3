//go:build !linux

package composition

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

var programName = map[bool]string{true: "rostrum-media.exe", false: "rostrum-media"}[runtime.GOOS == "windows"]

// Elsewhere than on Linux a worker is a plain process, without limits.

func apart() *syscall.SysProcAttr { return nil }

func restrain(int, int64) error { return nil }

func endGroup(p *os.Process) error { return p.Kill() }

func consumption(int) (time.Duration, int64) { return 0, 0 }
