package doctor

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// minBuffer is the socket buffer that the media engine requests.
	minBuffer = 4 << 20
	// minFiles is enough for some thousand viewers, who each have an events socket.
	minFiles = 16384
)

// checkSystem checks the kernel's clock, and its limits for sockets and files.
func checkSystem() []Finding {
	return []Finding{
		checkClock(),
		checkBuffer("UDP receive buffer", "net.core.rmem_max"),
		checkBuffer("UDP send buffer", "net.core.wmem_max"),
		checkOffload("UDP send offload (GSO)", unix.UDP_SEGMENT, 1200),
		checkOffload("UDP receive offload (GRO)", unix.UDP_GRO, 1),
		checkFiles(),
	}
}

// checkClock checks that the clock is synchronized. Signatures are refused if clocks differ
// by more than five minutes.
func checkClock() Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return Finding{Check: "clock", State: Unknown, Found: err.Error()}
	}
	return evaluateClock(state, t.Status)
}

func evaluateClock(state int, status int32) Finding {
	if state == unix.TIME_ERROR || status&unix.STA_UNSYNC != 0 {
		return Finding{"clock", Warning, "it is not synchronized", "run a time service such as systemd-timesyncd or chrony"}
	}
	return Finding{Check: "clock", State: OK, Found: "it is synchronized"}
}

func checkBuffer(check, name string) Finding {
	raw, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	return evaluateBuffer(check, name, size)
}

func evaluateBuffer(check, name string, size int) Finding {
	found := fmt.Sprintf("up to %d KiB", size>>10)
	if size < minBuffer {
		return Finding{check, Warning, found + ", bursts of packets may be lost", fmt.Sprintf("sysctl -w %s=%d", name, minBuffer)}
	}
	return Finding{Check: check, State: OK, Found: found}
}

// checkOffload tries a socket option on a new socket.
func checkOffload(check string, option, value int) Finding {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	var refused error
	if err := raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, option, value)
	}); err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	if refused != nil {
		return Finding{check, Warning, "the kernel does not support it, so each packet needs a system call", "use Linux 5.0 or newer"}
	}
	return Finding{Check: check, State: OK, Found: "the kernel supports it"}
}

func checkFiles() Finding {
	const check = "open files"
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	return evaluateFiles(check, limit.Max)
}

func evaluateFiles(check string, limit uint64) Finding {
	if limit < minFiles {
		return Finding{check, Warning, fmt.Sprintf("at most %d", limit), fmt.Sprintf("ulimit -Hn %d, or LimitNOFILE= in the service unit", minFiles)}
	}
	return Finding{Check: check, State: OK, Found: fmt.Sprintf("at most %d", limit)}
}
