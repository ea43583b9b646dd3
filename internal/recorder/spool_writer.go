package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

const (
	maxHeld  = 128 << 20        // bytes in memory, of all recordings of a node
	heldFor  = 90 * time.Second // that a finished recording waits for space on the disk
	heldTick = time.Second
)

// A memoryBudget counts what waits in memory.
type memoryBudget struct{ used atomic.Int64 }

func (b *memoryBudget) take(n int) bool {
	if b.used.Add(int64(n)) <= maxHeld {
		return true
	}
	b.used.Add(-int64(n))
	return false
}

func (b *memoryBudget) give(n int) { b.used.Add(-int64(n)) }

// A spoolWriter writes a recording into its spool. While the disk is full it holds files in
// memory. It is for one goroutine.
type spoolWriter struct {
	spool  Spool
	budget *memoryBudget
	log    *slog.Logger
	ready  func()     // called when there may be something to upload
	held   []heldFile // in the order in which they were written
	init   *heldFile  // an initialization section before its first segment, without which no file refers to it
}

type heldFile struct {
	name string
	data []byte
}

// put adds a file, after those that are held.
func (w *spoolWriter) put(name string, data []byte) error {
	if isInit(name) {
		w.init = &heldFile{name, data}
		return nil
	}
	if init := w.init; init != nil && isSegment(name) {
		w.init = nil
		if err := w.write(init.name, init.data); err != nil {
			return err
		}
	}
	return w.write(name, data)
}

func (w *spoolWriter) write(name string, data []byte) error {
	err := w.flush()
	if err == nil {
		err = w.spool.put(name, data)
	}
	if err != nil || !strings.HasSuffix(name, ".mp4") { // the playlist follows a segment
		w.ready()
	}
	if !isDiskFull(err) {
		return err
	}
	return w.hold(name, data)
}

// hold keeps a file in memory: of a playlist, only the newest.
func (w *spoolWriter) hold(name string, data []byte) error {
	w.held = slices.DeleteFunc(w.held, func(f heldFile) bool {
		replaced := f.name == name
		if replaced {
			w.budget.give(len(f.data))
		}
		return replaced
	})
	if !w.budget.take(len(data)) {
		return fmt.Errorf("hold %s in memory: %w", name, syscall.ENOSPC)
	}
	if w.held = append(w.held, heldFile{name, data}); len(w.held) == 1 {
		w.log.Warn("the disk is full: the recording waits in memory")
	}
	return nil
}

// flush writes what is held, until the disk is full.
func (w *spoolWriter) flush() error {
	for len(w.held) > 0 {
		f := w.held[0]
		if err := w.spool.put(f.name, f.data); err != nil {
			return err
		}
		w.budget.give(len(f.data))
		w.held = w.held[1:]
	}
	return nil
}

// discard gives up what is held.
func (w *spoolWriter) discard() {
	for _, f := range w.held {
		w.budget.give(len(f.data))
	}
	w.held = nil
}

// isDiskFull reports whether a file system had no space left.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// awaitDisk waits until all of a finished recording is in the spool.
func (r *individual) awaitDisk() error {
	for end := time.Now().Add(heldFor); ; {
		err := r.files.flush()
		if !isDiskFull(err) || time.Now().After(end) || r.registry.isClosed() {
			return err
		}
		select {
		case <-r.wake:
		case <-time.After(heldTick):
		}
	}
}

// writeFailure is why a recording could not be written.
func writeFailure(err error) *event.Failure {
	f := event.Failure{Code: ivsrealtime.InternalServerError, Reason: "The server could not write the recording."}
	if isDiskFull(err) {
		f.Reason = "The disk of the server was full for too long."
	}
	return &f
}
