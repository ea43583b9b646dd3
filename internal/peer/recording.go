package peer

import (
	"errors"
	"slices"
	"sync"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/realtime"
)

// A Recording writes the frames of a Subscription into a file. Audio and video are
// synchronized by the sender's clock, for whose reports it waits a little. Write is a
// realtime.SubscribeConfig's OnSample.
type Recording struct {
	path string

	mu       sync.Mutex // guards what follows
	began    time.Time
	held     []heldFrame // until the tracks are known
	out      container.Writer
	received []*realtime.RemoteTrack // by track of the file
	shift    []time.Duration
	written  uint64
	err      error
}

type heldFrame struct {
	from  *realtime.RemoteTrack
	frame realtime.Received
}

// trackWait is how long a recording waits for a second medium and for sender reports.
const trackWait = 1500 * time.Millisecond

// NewRecording prepares a file, which is made when the media are known. Its extension says
// which kind it is, and which media it can hold.
func NewRecording(path string) *Recording { return &Recording{path: path} }

// Write takes a frame.
func (r *Recording) Write(in *realtime.RemoteTrack, f realtime.Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || !container.Supports(r.path, in.Codec) {
		return
	}
	if r.began.IsZero() {
		r.began = f.Arrived
	}
	if r.out != nil {
		r.err = r.write(in, f)
		return
	}
	r.held = append(r.held, heldFrame{in, f})
	if f.Arrived.Sub(r.began) >= trackWait {
		r.err = r.start()
	}
}

// start makes the file for the media that came, and writes the held frames.
func (r *Recording) start() error {
	var tracks []container.Track
	var captured []time.Time
	synced := true
	for _, h := range r.held {
		if slices.Contains(r.received, h.from) {
			continue
		}
		t := container.Track{Codec: h.from.Codec, Width: h.frame.Width, Height: h.frame.Height}
		if t.Codec == media.Opus {
			t.Channels = 2
		}
		at, ok := h.from.Captured(h.frame.Timestamp)
		synced = synced && ok
		r.received, tracks, captured = append(r.received, h.from), append(tracks, t), append(captured, at.Add(-h.frame.Time))
	}
	if !synced { // without all capture times, arrival times are used
		for i, in := range r.received {
			n := slices.IndexFunc(r.held, func(h heldFrame) bool { return h.from == in })
			captured[i] = r.held[n].frame.Arrived.Add(-r.held[n].frame.Time)
		}
	}
	out, err := container.Create(r.path, tracks)
	if err != nil {
		return err
	}
	r.out = out
	zero := slices.MinFunc(captured, time.Time.Compare)
	for _, c := range captured {
		r.shift = append(r.shift, c.Sub(zero))
	}
	slices.SortStableFunc(r.held, func(a, b heldFrame) int { return a.frame.Arrived.Compare(b.frame.Arrived) })
	for _, h := range r.held {
		if err := r.write(h.from, h.frame); err != nil {
			return err
		}
	}
	r.held = nil
	return nil
}

func (r *Recording) write(in *realtime.RemoteTrack, f realtime.Received) error {
	i := slices.Index(r.received, in)
	if i < 0 {
		return nil // it began after the file was made
	}
	r.written++
	return r.out.Write(container.Frame{Track: i, Time: f.Time + r.shift[i], Duration: f.Duration, Keyframe: f.Keyframe, Data: f.Data})
}

// Close completes the file. A recording without a frame is an error.
func (r *Recording) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.out == nil && len(r.held) > 0 {
		r.err = r.start()
	}
	if r.out == nil {
		return errors.Join(r.err, errors.New("nothing was recorded: no frame was received"))
	}
	return errors.Join(r.err, r.out.Close())
}
