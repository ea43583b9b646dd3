package composition

import (
	"log/slog"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/recorder"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// A destination is one of a composition's that had not ended when this node took it. It
// is a recording or a channel.
type destination struct {
	id      string
	encoder string // ARN of its format
	video   *ivsrealtime.Video
	job     worker.Destination

	recorder *recorder.Recorder // nil for a channel
	spool    recorder.Spool     // of the recorder

	channel string // ARN; empty for a recording
	release func() // gives the channel back

	began       time.Time      // the first output; zero before
	writing     bool           // the current worker does
	interrupted bool           // the worker reports that it cannot write
	uploaded    bool           // the bucket takes the files; always true of a channel
	failure     *event.Failure // with which it ends, or has ended
	ended       bool           // the end is stored
}

// isUp reports whether output reaches its target.
func (d *destination) isUp() bool {
	return d.writing && !d.interrupted && d.uploaded && (d.recorder == nil || !d.recorder.Stalled())
}

// isUploading reports whether files wait for the bucket.
func (d *destination) isUploading() bool {
	return !d.ended && d.recorder != nil && !d.recorder.IsDrained()
}

// drain makes a recorder upload all there is, once no worker writes.
func (d *destination) drain() {
	if d.recorder != nil {
		d.recorder.SetWriting(false)
	}
}

func (d *destination) removeSpool(log *slog.Logger) {
	if d.recorder == nil {
		return
	}
	if err := d.spool.Remove(); err != nil {
		log.Warn("remove the spool", "error", err)
	}
}
