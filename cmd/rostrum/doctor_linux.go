package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// wantedBuffer is what the media sockets ask the kernel for.
	wantedBuffer = 4 << 20
	// wantedFiles is room for some thousand viewers, who each hold an events
	// socket.
	wantedFiles = 16384
)

// examineSystem looks at what the kernel gives media and clocks.
func examineSystem() []finding {
	return []finding{
		examineClock(),
		examineBuffer("UDP receive buffer", "net.core.rmem_max"),
		examineBuffer("UDP send buffer", "net.core.wmem_max"),
		examineOffload("UDP send offload (GSO)", unix.UDP_SEGMENT, 1200),
		examineOffload("UDP receive offload (GRO)", unix.UDP_GRO, 1),
		examineFiles(),
	}
}

// examineClock asks the kernel whether something keeps its clock. Signatures
// are refused when clocks differ by more than five minutes.
func examineClock() finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return finding{Check: "clock", State: unknown, Found: err.Error()}
	}
	return judgeClock(state, t.Status)
}

func judgeClock(state int, status int32) finding {
	if state == unix.TIME_ERROR || status&unix.STA_UNSYNC != 0 {
		return finding{"clock", weak, "nothing keeps it in step", "run a time service, such as systemd-timesyncd or chrony"}
	}
	return finding{Check: "clock", State: sound, Found: "it is kept in step"}
}

func examineBuffer(check, name string) finding {
	raw, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	return judgeBuffer(check, name, size)
}

func judgeBuffer(check, name string, size int) finding {
	found := fmt.Sprintf("up to %d KiB", size>>10)
	if size < wantedBuffer {
		return finding{check, weak, found + ", bursts may be lost", fmt.Sprintf("sysctl -w %s=%d", name, wantedBuffer)}
	}
	return finding{Check: check, State: sound, Found: found}
}

// examineOffload tries a socket option on a socket of its own.
func examineOffload(check string, option, value int) finding {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	var refused error
	if err := raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, option, value)
	}); err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	if refused != nil {
		return finding{check, weak, "the kernel has none, packets go one by one", "use Linux 5.0 or newer"}
	}
	return finding{Check: check, State: sound, Found: "the kernel has it"}
}

func examineFiles() finding {
	const check = "open files"
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return finding{Check: check, State: unknown, Found: err.Error()}
	}
	return judgeFiles(check, limit.Max)
}

func judgeFiles(check string, most uint64) finding {
	if most < wantedFiles {
		return finding{check, weak, fmt.Sprintf("at most %d", most), fmt.Sprintf("ulimit -Hn %d, or LimitNOFILE= in the service unit", wantedFiles)}
	}
	return finding{Check: check, State: sound, Found: fmt.Sprintf("at most %d", most)}
}
