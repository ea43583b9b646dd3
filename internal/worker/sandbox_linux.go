package worker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// start starts a command whose process is confined. Landlock and no_new_privs hold for a
// thread and what it starts, so a thread that confines itself starts the process and ends:
// the process is confined from its first instruction, in all threads, whatever libraries it
// has.
func (c sandbox) start(command *exec.Cmd) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this function
		if unix.Gettid() == os.Getpid() {
			result <- c.start(command) // the main thread never ends: take another
			runtime.UnlockOSThread()
			return
		}
		if err := c.restrictThread(); err != nil {
			result <- fmt.Errorf("sandbox: %w", err)
			return
		}
		result <- command.Start()
	}()
	return <-result
}

// Rights of Landlock by the ABI versions that brought them. What is handled is forbidden but
// for the rules.
const (
	rightsToRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	rightsOfFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	rightsToMake = unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
	rightsToWrite = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV | unix.LANDLOCK_ACCESS_FS_REFER | rightsToMake

	abiRefer, abiTruncate, abiTCP, abiDevices, abiSignals = 2, 3, 4, 5, 6

	ruleTCP = 2 // LANDLOCK_RULE_NET_PORT
)

// handled is all that a version of the ABI can forbid, of what this file knows.
func handled(abi int) unix.LandlockRulesetAttr {
	h := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	for since, right := range map[int]uint64{
		abiRefer: unix.LANDLOCK_ACCESS_FS_REFER, abiTruncate: unix.LANDLOCK_ACCESS_FS_TRUNCATE, abiDevices: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
	} {
		if abi >= since {
			h.Handled_access_fs |= right
		}
	}
	if abi >= abiTCP {
		h.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= abiSignals {
		h.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	return h
}

// landlockABI is the version of the kernel's Landlock; 0 without.
func landlockABI() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// Sandbox says what the kernel keeps workers from, and whether that is all it could.
func Sandbox() (what string, complete bool) {
	switch abi := landlockABI(); {
	case abi == 0:
		return "the kernel has no Landlock: workers have the server's access to files, TCP ports and processes", false
	case abi < abiTCP:
		return fmt.Sprintf("workers reach only their files; TCP ports and processes are open to them (Landlock ABI %d, 6 forbids that)", abi), false
	case abi < abiSignals:
		return fmt.Sprintf("workers reach only their files and TCP ports; signals to processes are open to them (Landlock ABI %d, 6 forbids that)", abi), false
	default:
		return fmt.Sprintf("workers reach only their files, TCP ports and processes (Landlock ABI %d)", abi), true
	}
}

// restrictThread confines the calling thread and what it starts.
func (c sandbox) restrictThread() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if err := filterSockets(); err != nil {
		return err
	}
	abi := landlockABI()
	if abi == 0 {
		return nil
	}
	rules := handled(abi)
	made, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	set := ruleset{fd: int(made), handled: rules}
	defer unix.Close(set.fd)
	if err := set.add(c); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, made, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// dropCapabilities takes from the processes that this thread starts what root may do beside
// others. It keeps access to files, which Landlock bounds: root's folders may lie below those
// of other users.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[0].Inheritable, sets[1].Inheritable = 0, 0 // the ambient ones go with them
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return err
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if c == unix.CAP_DAC_OVERRIDE {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		switch {
		case errors.Is(err, unix.EPERM): // not root, which then gets none by executing a program
			return nil
		case err != nil && !errors.Is(err, unix.EINVAL): // unknown to an older kernel
			return err
		}
	}
	return nil
}

// A ruleset is one of Landlock's.
type ruleset struct {
	fd      int
	handled unix.LandlockRulesetAttr
}

func (s ruleset) add(c sandbox) error {
	for _, path := range c.read {
		if err := s.allowPath(path, rightsToRead); err != nil {
			return err
		}
	}
	for _, path := range c.write {
		if err := s.allowPath(path, rightsToWrite); err != nil {
			return err
		}
	}
	if s.handled.Handled_access_net == 0 {
		return nil
	}
	for _, port := range c.ports {
		if err := s.allowPort(port, unix.LANDLOCK_ACCESS_NET_CONNECT_TCP); err != nil {
			return err
		}
	}
	return s.allowPort(0, unix.LANDLOCK_ACCESS_NET_BIND_TCP) // any that is free, as before a connection
}

// allowPath allows rights to a file, or to a folder and all below. What does not exist
// needs no rule.
func (s ruleset) allowPath(path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	var file unix.Stat_t
	if err := unix.Fstat(fd, &file); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if file.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= rightsOfFiles
	}
	// The kernel's structure is packed to 12 bytes, which is where the fields of this one end.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights & s.handled.Handled_access_fs, Parent_fd: int32(fd)}
	if err := s.addRule(unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule)); err != nil {
		return fmt.Errorf("allow %s: %w", path, err)
	}
	return nil
}

func (s ruleset) allowPort(port uint16, right uint64) error {
	rule := struct{ access, port uint64 }{right, uint64(port)}
	if err := s.addRule(ruleTCP, unsafe.Pointer(&rule)); err != nil {
		return fmt.Errorf("allow port %d: %w", port, err)
	}
	return nil
}

func (s ruleset) addRule(kind uintptr, rule unsafe.Pointer) error {
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(s.fd), kind, uintptr(rule), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
