package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockFile is locked by the server that has the data directory. It holds the server's
// process id and host name.
const lockFile = "rostrum.lock"

// ErrInUse says that another server has the data directory.
var ErrInUse = errors.New("in use by another server")

// errLocked is what tryLock returns when another process holds the lock.
var errLocked = errors.New("locked")

// lockDir takes the lock of a data directory. The kernel releases it when the file is closed,
// at the latest with the end of the process, however that comes about. The file stays: if it
// were removed, a server that has opened it could lock a file that no other one sees.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = tryLock(f)
	if errors.Is(err, errLocked) {
		err = fmt.Errorf("the data directory %s is %w%s", dir, ErrInUse, lockOwner(f))
	} else if err == nil {
		_ = writeOwner(f) // it only informs: a full disk must not keep the server from starting
	} else {
		err = fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writeOwner(f *os.File) error {
	host, _ := os.Hostname()
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0)
	return err
}

// LastServer is the process id of the server that has, or was the last to have, a data
// directory; 0 if none had it. It is not known if it was on another host.
func LastServer(dir string) (pid int, known bool) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return 0, errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	pid, host := readOwner(f)
	return pid, pid != 0 && host == ""
}

// lockOwner names the process that holds the lock, and its host where that is another; empty
// when it has not written its id yet.
func lockOwner(f *os.File) string {
	pid, host := readOwner(f)
	switch {
	case pid == 0:
		return ""
	case host != "":
		return fmt.Sprintf(" (pid %d on %s)", pid, host)
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// readOwner reads what writeOwner wrote. The host is empty if it is this one.
func readOwner(f *os.File) (pid int, host string) {
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return 0, ""
	}
	if _, err := fmt.Sscanf(string(text), "%d", &pid); err != nil {
		return 0, ""
	}
	_, host, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
	if here, _ := os.Hostname(); host == here {
		host = ""
	}
	return pid, host
}
