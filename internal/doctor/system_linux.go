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
	// wantedBuffer is what the media sockets ask the kernel for.
	minBuffer = 4 << 20
	// wantedFiles is room for some thousand viewers, who each hold an events
	// socket.
	minFiles = 16384
)

// examineSystem looks at what the kernel gives media and clocks.
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

// examineClock asks the kernel whether something keeps its clock. Signatures
// are refused when clocks differ by more than five minutes.
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
		return Finding{"clock", Warning, "nothing keeps it in step", "run a time service, such as systemd-timesyncd or chrony"}
	}
	return Finding{Check: "clock", State: OK, Found: "it is kept in step"}
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
		return Finding{check, Warning, found + ", bursts may be lost", fmt.Sprintf("sysctl -w %s=%d", name, minBuffer)}
	}
	return Finding{Check: check, State: OK, Found: found}
}

// examineOffload tries a socket option on a socket of its own.
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
		return Finding{check, Warning, "the kernel has none, packets go one by one", "use Linux 5.0 or newer"}
	}
	return Finding{Check: check, State: OK, Found: "the kernel has it"}
}

func checkFiles() Finding {
	const check = "open files"
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	return evaluateFiles(check, limit.Max)
}

func evaluateFiles(check string, most uint64) Finding {
	if most < minFiles {
		return Finding{check, Warning, fmt.Sprintf("at most %d", most), fmt.Sprintf("ulimit -Hn %d, or LimitNOFILE= in the service unit", minFiles)}
	}
	return Finding{Check: check, State: OK, Found: fmt.Sprintf("at most %d", most)}
}
