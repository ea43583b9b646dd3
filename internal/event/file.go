package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

const (
	fileBatch        = 500
	fileDefaultBytes = 100 << 20
	fileDefaultKeep  = 5
)

// file appends each event to a file, a line each. An event is delivered once
// its line is on disk: each call ends with an fsync.
type file struct {
	File
	open *os.File
	size int64
}

func newFile(f File) (*file, error) {
	if f.MaxBytes == 0 {
		f.MaxBytes = fileDefaultBytes
	}
	if f.Keep == 0 {
		f.Keep = fileDefaultKeep
	}
	l := &file{File: f}
	if err := l.reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

func (*file) Options() DeliveryOptions {
	return DeliveryOptions{Batch: fileBatch, Parallel: 1, Ordered: true}
}

func (f *file) Close() error {
	if f.open == nil {
		return nil
	}
	return f.open.Close()
}

// reopen opens the file to append to it. A line that a crash left unfinished is
// cut off: its event was not delivered and comes again.
func (f *file) reopen() error {
	opened, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	size, err := wholeLines(opened)
	if err == nil {
		err = opened.Truncate(size)
	}
	if err == nil {
		_, err = opened.Seek(size, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("prepare %s: %w", f.Path, err), opened.Close())
	}
	f.open, f.size = opened, size
	return nil
}

// wholeLines is the length of a file up to the end of its last whole line.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	block := make([]byte, 4096)
	for end > 0 {
		from := max(0, end-int64(len(block)))
		part := block[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] == '\n' {
				return from + int64(i) + 1, nil
			}
		}
		end = from
	}
	return 0, nil
}

// Send appends the events: all of them, or none when the disk refuses.
func (f *file) Send(_ context.Context, events []Event) []error {
	return all(events, f.append(events))
}

func (f *file) append(events []Event) error {
	var lines []byte
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write the envelope of %s: %w", e.ID, err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if f.open == nil || f.moved() {
		if err := f.again(); err != nil {
			return err
		}
	}
	if f.size > 0 && f.size+int64(len(lines)) > f.MaxBytes {
		if err := f.rotate(); err != nil {
			return fmt.Errorf("rotate %s: %w", f.Path, err)
		}
	}
	n, err := f.open.Write(lines)
	if err == nil {
		err = f.open.Sync()
	}
	if err != nil {
		// What of it is in the file is unknown: it is looked at anew.
		return errors.Join(fmt.Errorf("append to %s after %d bytes: %w", f.Path, n, err), f.shut())
	}
	f.size += int64(n)
	return nil
}

// moved reports whether somebody else has taken the file away, to rotate it
// themselves for one.
func (f *file) moved() bool {
	opened, err1 := f.open.Stat()
	theirs, err2 := os.Stat(f.Path)
	return err1 != nil || err2 != nil || !os.SameFile(opened, theirs)
}

func (f *file) again() error {
	return errors.Join(f.shut(), f.reopen())
}

func (f *file) shut() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}

// rotate makes the file path.1, that one path.2 and so on, drops the oldest and
// begins a new one.
func (f *file) rotate() error {
	if err := f.shut(); err != nil {
		return err
	}
	for n := f.Keep; n >= 1; n-- {
		from := f.Path
		if n > 1 {
			from += "." + strconv.Itoa(n-1)
		}
		if err := os.Rename(from, f.Path+"."+strconv.Itoa(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.reopen()
}
