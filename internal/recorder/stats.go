package recorder

import (
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"rostrum/ivsrealtime"
)

// Stats says how the recordings of participants do.
type Stats struct {
	Recordings     map[ivsrealtime.RecordingState]int // that this node records or uploads
	Files          uint64                             // segments, thumbnails and others that were uploaded
	Segments       uint64                             // of those
	Bytes          uint64                             // of all files that were uploaded
	Failures       uint64                             // recordings that failed
	DroppedPackets uint64                             // that the recorder was too slow for
	SpoolFiles     int                                // that wait for a bucket
	SpoolBytes     int64
	Oldest         time.Duration // how long the oldest of them has waited
}

// counters are what Participants counts.
type counters struct {
	files, segments, bytes, failures, dropped atomic.Uint64
}

// addUpload counts a file that was uploaded.
func (c *counters) addUpload(name string, size int64) {
	c.files.Add(1)
	if isSegment(name) {
		c.segments.Add(1)
	}
	c.bytes.Add(uint64(max(size, 0)))
}

// Stats counts over all recordings of this node.
func (a *Participants) Stats() Stats {
	s := Stats{
		Recordings: map[ivsrealtime.RecordingState]int{
			ivsrealtime.RecordingStarting: 0, ivsrealtime.RecordingActive: 0, ivsrealtime.RecordingStopping: 0,
		},
		Files: a.counters.files.Load(), Segments: a.counters.segments.Load(), Bytes: a.counters.bytes.Load(),
		Failures: a.counters.failures.Load(), DroppedPackets: a.counters.dropped.Load(),
	}
	a.mu.Lock()
	spools := make([]Spool, 0, len(a.running))
	for r := range a.running {
		if state, ok := r.shown.Load().(ivsrealtime.RecordingState); ok {
			s.Recordings[state]++
			spools = append(spools, r.spool())
		}
	}
	a.mu.Unlock()
	var oldest time.Time
	for _, spool := range spools {
		_ = spool.walk(func(name string, info fs.FileInfo) error { // one that is being removed is counted in part
			if isPlaylist(name) {
				return nil // it stays after its upload
			}
			s.SpoolFiles++
			s.SpoolBytes += info.Size()
			if at := info.ModTime(); oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
			return nil
		})
	}
	if !oldest.IsZero() {
		s.Oldest = max(time.Since(oldest), 0)
	}
	return s
}

// run runs a recording until it has ended and is uploaded. The lock is held.
func (a *Participants) run(r *individual, do func()) {
	a.running[r] = true
	a.wg.Go(func() {
		do()
		a.mu.Lock()
		delete(a.running, r)
		a.mu.Unlock()
	})
}

// sizeOf is the size of a file from where its reader is.
func sizeOf(file io.Seeker) int64 {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	_, _ = file.Seek(at, io.SeekStart)
	return end - at
}
