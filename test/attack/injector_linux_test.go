package attack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An injector has system calls of a process and of its children fail. The kernel asks it
// before each of the calls below (seccomp_unotify(2)).
type injector struct {
	listener int
	ended    sync.WaitGroup
	injected atomic.Int64 // calls that failed
	fault    atomic.Pointer[func(call int, path string) unix.Errno]
}

// supervised are the calls that may fail: those that accept connections, and those that
// write to disks.
var supervised = []int{unix.SYS_ACCEPT4, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE}

// newInjector makes an injector and a function that starts the process.
func newInjector(t *testing.T) (*injector, func(*exec.Cmd) error) {
	t.Helper()
	i := &injector{listener: -1}
	start := func(command *exec.Cmd) error {
		result := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // the filter is of this thread, which ends with this function
			if unix.Gettid() == os.Getpid() {
				result <- errors.New("the main thread would keep the filter")
				return
			}
			listener, err := filterThread()
			if err != nil {
				result <- err
				return
			}
			i.listener = listener
			i.ended.Go(i.run)
			result <- command.Start()
		}()
		return <-result
	}
	t.Cleanup(func() {
		i.ended.Wait() // the process has ended
		if i.listener >= 0 {
			unix.Close(i.listener)
		}
	})
	return i, start
}

// filterThread has the kernel ask before the supervised calls of this thread's processes.
func filterThread() (listener int, err error) {
	rules := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for n, call := range supervised {
		rules = append(rules, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jt: uint8(len(supervised) - n)})
	}
	rules = append(rules,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	program := unix.SockFprog{Len: uint16(len(rules)), Filter: &rules[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return -1, fmt.Errorf("%w: %w", errors.ErrUnsupported, errno)
	}
	return int(fd), nil
}

// What the kernel asks and is answered: struct seccomp_notif and seccomp_notif_resp.
type (
	question struct {
		id         uint64
		pid, flags uint32
		call       int32
		arch       uint32
		pointer    uint64
		arguments  [6]uint64
	}
	reply struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}
)

// run answers the kernel until the process has ended.
func (i *injector) run() {
	for {
		waiting := []unix.PollFd{{Fd: int32(i.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(waiting, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if waiting[0].Revents&unix.POLLIN == 0 {
			if waiting[0].Revents&unix.POLLHUP != 0 {
				return
			}
			continue
		}
		var asked question
		if !i.control(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&asked)) {
			continue
		}
		answer := reply{id: asked.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if errno := i.evaluate(asked); errno != 0 {
			answer.flags, answer.errno = 0, -int32(errno)
		}
		if i.control(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&answer)) && answer.errno != 0 {
			i.injected.Add(1)
		}
	}
}

func (i *injector) control(request uintptr, with unsafe.Pointer) bool {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(i.listener), request, uintptr(with))
	return errno == 0
}

// evaluate returns the error of a call; 0 lets it go on.
func (i *injector) evaluate(asked question) unix.Errno {
	fault := i.fault.Load()
	if fault == nil {
		return 0
	}
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", asked.pid, int32(asked.arguments[0])))
	return (*fault)(int(asked.call), path)
}

// during injects while do runs, until enough calls have failed.
func (i *injector) during(t *testing.T, enough int64, fault func(call int, path string) unix.Errno, do func()) {
	t.Helper()
	until := i.injected.Load() + enough
	i.fault.Store(&fault)
	defer i.fault.Store(nil)
	for end := time.Now().Add(30 * time.Second); i.injected.Load() < until; do() {
		if time.Now().After(end) {
			t.Fatalf("only %d of %d faults came about", i.injected.Load()-until+enough, enough)
		}
	}
}

// isData reports whether a path is of a file in a folder.
func isData(path, folder string) bool { return strings.HasPrefix(path, folder+"/") }
