package worker

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock knows TCP alone: with Multipath TCP, a Unix socket of a daemon, or io_uring a
// process gets past it. So a filter of system calls leaves workers the sockets that they
// need: IPv4 and IPv6 by TCP and UDP, and netlink, which lists the machine's addresses.

// architectures that the filter knows, by Go's names, as the kernel reports them.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// Offsets in struct seccomp_data, on little-endian machines.
const (
	callNumber   = 0
	callArch     = 4
	callFamily   = 16 // the low half of socket's first argument
	callProtocol = 32 // of its third
)

// ioUringSetup has the same number on all architectures.
const ioUringSetup = 425

// x32 marks calls of another ABI on amd64.
const x32 = 0x40000000

// filterSockets installs the filter for the calling thread and what it starts. Without
// support by the kernel it does nothing.
func filterSockets() error {
	arch, known := architectures[runtime.GOARCH]
	if !known {
		return nil
	}
	rules := socketFilter(arch)
	program := unix.SockFprog{Len: uint16(len(rules)), Filter: &rules[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// socketFilter is the program of the filter. Jumps count the instructions that they skip.
func socketFilter(arch uint32) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	jump := func(test uint16, value uint32, then, otherwise uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: value, Jt: then, Jf: otherwise}
	}
	end := func(with uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: with} }
	return []unix.SockFilter{
		load(callArch),
		jump(unix.BPF_JEQ, arch, 0, 13),
		load(callNumber),
		jump(unix.BPF_JGE, x32, 11, 0),
		jump(unix.BPF_JEQ, ioUringSetup, 10, 0),
		jump(unix.BPF_JEQ, unix.SYS_SOCKET, 0, 8),
		load(callFamily),
		jump(unix.BPF_JEQ, unix.AF_INET, 2, 0),
		jump(unix.BPF_JEQ, unix.AF_INET6, 1, 0),
		jump(unix.BPF_JEQ, unix.AF_NETLINK, 0, 6),
		load(callProtocol),
		jump(unix.BPF_JEQ, 0, 2, 0),
		jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 1, 0),
		jump(unix.BPF_JEQ, unix.IPPROTO_UDP, 0, 3),
		end(unix.SECCOMP_RET_ALLOW),
		end(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)),
		end(unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)),
		end(unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)),
	}
}
