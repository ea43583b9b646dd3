package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/inbound"
	"rostrum/internal/media"
	"rostrum/internal/stage"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

const (
	thumbnailFolder = "media/thumbnails"
	latestFolder    = "media/latest_thumbnail"

	// sparseInterval is from where on no pictures are received between two thumbnails.
	sparseInterval = 10 * time.Second
	lastAnswer     = 2 * time.Second // that the worker has for the last thumbnails
)

// thumbnails are those of one participant's recording. They take their pictures from the
// publisher themselves, so that a recording is the same with and without them. A worker
// decodes these and makes JPEG of them.
type thumbnails struct {
	worker             *worker.Streams
	spool              Spool
	interval           time.Duration
	sequential, latest bool
	log                *slog.Logger
	panics             *inbound.Panics
	signal             func() // called when the first is there
	ready              func() // called when there is something to upload

	first atomic.Pointer[time.Time] // of the first picture; nil before

	// The rest is of the goroutine that follows a publication.
	number  int       // of the last one
	due     time.Time // when the next one is; zero for at once
	waiting int       // for answers to what the worker got
	problem string    // why one is missing
}

// wantsThumbnails reports whether a stage's configuration wants them.
func wantsThumbnails(c *ivsrealtime.AutoParticipantRecordingConfiguration) bool {
	t := c.ThumbnailConfiguration
	return t != nil && t.RecordingMode == ivsrealtime.ThumbnailInterval && len(t.Storage) > 0
}

// recordsMedia reports whether a stage's configuration wants anything but thumbnails.
func recordsMedia(c *ivsrealtime.AutoParticipantRecordingConfiguration) bool {
	return c.MediaTypes[0] != ivsrealtime.RecordNone
}

// newThumbnails returns those of a recording: nil without, and a failure if nothing else would be
// recorded.
func (r *individual) newThumbnails() (*thumbnails, *event.Failure) {
	if !wantsThumbnails(r.settings) {
		return nil, nil
	}
	streams := r.registry.cfg.Thumbnailer
	if !streams.IsAvailable() && !recordsMedia(r.settings) {
		return nil, &event.Failure{Code: ivsrealtime.InternalServerError, Reason: "Thumbnails can't be made: " + worker.ErrNoProgram.Error() + "."}
	}
	return &thumbnails{
		worker: streams, spool: r.spool(), interval: time.Duration(*r.settings.ThumbnailConfiguration.TargetIntervalSeconds) * time.Second,
		sequential: r.state.Sequential, latest: r.state.Latest, log: r.log, panics: r.registry.cfg.Panics, signal: r.signal, ready: r.recorder.Scan,
	}, nil
}

// storesThumbnails reports whether thumbnails can be made and are stored in a way.
func (r *individual) storesThumbnails(how ivsrealtime.ThumbnailStorageType) bool {
	return wantsThumbnails(r.settings) && r.registry.cfg.Thumbnailer.IsAvailable() && slices.Contains(r.settings.ThumbnailConfiguration.Storage, how)
}

// markThumbnail starts a recording of thumbnails alone with the first.
func (r *individual) markThumbnail() {
	if recordsMedia(r.settings) || !r.state.Started.IsZero() {
		return
	}
	if at := r.thumbnails.first.Load(); at != nil {
		r.start(*at)
	}
}

// follow takes thumbnails of a publication until stop is called, which returns once the last is
// written.
func (t *thumbnails) follow(p *stage.Publication) (stop func()) {
	if t == nil || p.Publisher.Codec(media.Video) == media.NoCodec {
		return func() {}
	}
	if now := time.Now(); p.Replica && t.due.Before(now) { // what was before belongs to the stage it comes from
		t.due = now
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if fault := recover(); fault != nil { // what a participant sends must not end more than its thumbnails
				t.panics.Record("thumbnails", fault, "stage", p.StageARN, "participant", p.ParticipantID)
				t.fail("the server failed")
			}
		}()
		t.run(ctx, p)
	}()
	return func() {
		cancel()
		<-done
	}
}

// run takes thumbnails of a publication until ctx ends.
func (t *thumbnails) run(ctx context.Context, p *stage.Publication) {
	answers := make(chan worker.StreamMessage, 16)
	codec := p.Publisher.Codec(media.Video)
	stream, err := t.worker.Open([]byte(codec.String()), func(m worker.StreamMessage) {
		select {
		case answers <- m:
		default: // the disk can't follow
		}
	})
	if err != nil {
		t.fail(err.Error())
		return
	}
	defer stream.Close()
	t.waiting = 0
	pictures := newPictureSource(p.Publisher, codec)
	defer pictures.detach()
	next := time.NewTimer(0)
	defer next.Stop()
	if t.isSparse() {
		next.Reset(time.Until(t.due))
	}
	for {
		select {
		case <-next.C:
			pictures.attach()
		case <-pictures.arrived:
			if t.take(pictures, stream) && t.isSparse() {
				pictures.detach()
				next.Reset(time.Until(t.due))
			}
		case m := <-answers:
			t.waiting--
			if !t.write(m) {
				pictures.retap()
			}
		case <-ctx.Done():
			t.awaitAnswers(answers)
			return
		}
	}
}

// take passes the pictures of thumbnails that are due to the worker, and reports whether it did.
func (t *thumbnails) take(pictures *pictureSource, stream *worker.Stream) (taken bool) {
	for s := range pictures.receive() {
		if !t.isDue(s) {
			continue
		}
		t.advance(s.at)
		taken = true
		if !stream.Write(pictures.take(), time.Duration(s.at.UnixNano())) {
			pictures.lose()
			t.fail("rostrum-media can't follow")
			continue
		}
		t.waiting++
	}
	return taken
}

// isSparse reports whether pictures are received for a thumbnail only, instead of all the time:
// the server stores the newest keyframe group.
func (t *thumbnails) isSparse() bool { return t.interval >= sparseInterval }

// isDue reports whether a picture is the next thumbnail. Shortly before and after its time a
// keyframe is preferred, which needs no other picture.
func (t *thumbnails) isDue(s picture) bool {
	tolerance := t.interval / 10
	if t.due.IsZero() || t.isSparse() {
		tolerance = 0
	}
	return !s.at.Before(t.due.Add(tolerance)) || s.keyframe && !s.at.Before(t.due.Add(-tolerance))
}

// advance sets the time of the next thumbnail.
func (t *thumbnails) advance(at time.Time) {
	if t.due.IsZero() {
		t.due = at
	}
	for t.due = t.due.Add(t.interval); !t.due.After(at); {
		t.due = t.due.Add(t.interval)
	}
}

// awaitAnswers writes the last thumbnails.
func (t *thumbnails) awaitAnswers(answers <-chan worker.StreamMessage) {
	over := time.NewTimer(lastAnswer)
	defer over.Stop()
	for ; t.waiting > 0; t.waiting-- {
		select {
		case m := <-answers:
			t.write(m)
		case <-over.C:
			return
		}
	}
}

// write stores what the worker answered. It returns false if nothing could be decoded.
func (t *thumbnails) write(m worker.StreamMessage) bool {
	if m.Kind != worker.StreamOutput {
		t.fail(string(m.Data))
		return false
	}
	if len(m.Data) == 0 {
		return false
	}
	number := t.number + 1
	files := map[string]bool{
		path.Join(thumbnailFolder, participantRendition, fmt.Sprintf("%d.jpg", number)): t.sequential,
		path.Join(latestFolder, participantRendition, "thumb.jpg"):                      t.latest,
	}
	for name, wanted := range files {
		if !wanted {
			continue
		}
		if err := t.spool.put(name, m.Data); err != nil {
			t.fail(err.Error())
			return true
		}
	}
	t.ready()
	if t.number = number; number == 1 {
		at := time.Unix(0, int64(m.Time))
		t.first.Store(&at)
		t.signal()
	}
	return true
}

// fail remembers why a thumbnail is missing.
func (t *thumbnails) fail(reason string) {
	if t.problem != reason {
		t.log.Warn("make thumbnails of a recording", "reason", reason)
	}
	t.problem = reason
}

// remark is what the recording says about missing thumbnails.
func (t *thumbnails) remark() string {
	if t.problem == "" {
		return ""
	}
	return "Thumbnails are missing: " + t.problem + "."
}
