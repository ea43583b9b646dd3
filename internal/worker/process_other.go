//go:build !linux

package worker

import (
	"os"
	"runtime"
	"syscall"
)

var programName = map[bool]string{true: "rostrum-media.exe", false: "rostrum-media"}[runtime.GOOS == "windows"]

// On systems other than Linux a worker is a plain process without limits.

func processAttributes() *syscall.SysProcAttr { return nil }

func limit(int, int64) error { return nil }

func killGroup(p *os.Process) error { return p.Kill() }

func usage(int) Usage { return Usage{} }
