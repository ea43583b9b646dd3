package recorder

import (
	"cmp"
	"reflect"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/media"
	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
)

const tickInterval = 200 * time.Millisecond

func (r *individual) newWriter(p *stage.Publication) (*mediaWriter, *event.Failure) {
	if r.hasOtherVideo(p) {
		return nil, unrecordable()
	}
	return &mediaWriter{
		spool: r.files, folder: participantRendition, target: time.Duration(*r.settings.HLSConfiguration.TargetSegmentDurationSeconds) * time.Second,
	}, nil
}

// hasOtherVideo reports whether a publication has video that can't be recorded: players of HLS do
// not play VP8, and it is not transcoded.
func (r *individual) hasOtherVideo(p *stage.Publication) bool {
	return r.records(media.Video) && p.Publisher.Codec(media.Video) == media.VP8 && !r.registry.cfg.Transcoder.IsAvailable()
}

func (r *individual) records(k media.Kind) bool {
	return k == media.Audio && recordsMedia(r.settings) || r.settings.MediaTypes[0] == ivsrealtime.RecordAudioVideo
}

// record records publications until the last has ended. It returns why it failed.
func (r *individual) record(p *stage.Publication) (failure *event.Failure) {
	defer func() {
		if fault := recover(); fault != nil { // what a participant sends must not end more than its recording
			r.registry.cfg.Panics.Record("recording", fault, "stage", r.key.stageARN, "participant", r.key.participant)
			failure = writeFailure(nil)
		}
	}()
	w, failure := r.newWriter(p)
	if failure != nil {
		return failure
	}
	if r.thumbnails, failure = r.newThumbnails(); failure != nil {
		return failure
	}
	window := time.Duration(*r.settings.RecordingReconnectWindowSeconds) * time.Second
	for {
		r.enter(p.SessionID)
		if r.now != nil && !r.state.Started.IsZero() {
			r.update(ivsrealtime.RecordingActive, nil)
		}
		r.now = p
		err := r.recordPart(p, w)
		r.noteStart(w) // of a part that is over before anything was written
		r.recorder.SetWriting(false)
		if failure := r.recorder.Failure(); failure != nil {
			return failure
		}
		if err == nil && window > 0 {
			if p = r.awaitReturn(window); p != nil {
				r.recorder.SetWriting(true)
				continue
			}
		}
		if err == nil {
			err = w.close(time.Now())
		}
		if err == nil {
			err = r.awaitDisk()
		}
		r.recorder.Scan()
		if err != nil {
			r.log.Error("write a recording", "error", err)
			return writeFailure(err)
		}
		return nil
	}
}

// enter notes the session that the recording goes on in.
func (r *individual) enter(session string) {
	if session != r.state.LastSessionID {
		r.left, r.state.LastSessionID = append(r.left, r.state.LastSessionID), session
	}
}

// awaitReturn waits for the participant to publish again. What is to be recorded otherwise by
// then, or not at all, gets no part of this recording.
func (r *individual) awaitReturn(window time.Duration) *stage.Publication {
	over := time.NewTimer(window)
	defer over.Stop()
	for {
		p := r.want()
		if p != nil && (r.hasOtherVideo(p) || r.isConfiguredOtherwise(p)) {
			r.seen = nil // which then gets a recording of its own, or none
			return nil
		}
		if p != nil || r.registry.isClosed() {
			return p
		}
		select {
		case <-r.wake:
		case <-over.C:
			return nil
		}
	}
}

// isConfiguredOtherwise reports whether the stage's configuration has changed since the recording
// began: it can, once the session is over.
func (r *individual) isConfiguredOtherwise(p *stage.Publication) bool {
	before := r.settings
	err := r.retry(p, func() error {
		_, err := r.readSettings(p)
		return err
	})
	changed := err != nil || !reflect.DeepEqual(before, r.settings)
	r.settings = before
	return changed
}

// recordPart records one publication until it ends.
func (r *individual) recordPart(p *stage.Publication, w *mediaWriter) error {
	defer r.thumbnails.follow(p)()
	now := time.Now()
	m := &part{writer: w, queue: newTapQueue(&r.registry.counters.dropped), arrived: now, began: now, requestKeyframe: p.Publisher.RequestKeyframe}
	if p.Replica { // what was before belongs to the stage it comes from
		m.earliest = now
	}
	for _, k := range []media.Kind{media.Audio, media.Video} {
		c := p.Publisher.Codec(k)
		if c == media.NoCodec || !r.records(k) {
			continue
		}
		m.addTrack(c)
		if c == media.VP8 {
			m.transcode(newTranscoding(r.registry.cfg.Transcoder, w.target, r.log))
			defer func() {
				m.transcoding.close()
				r.videoRemark = cmp.Or(m.transcoding.remark(), r.videoRemark)
			}()
		}
		detach, err := p.Publisher.Tap(k, &tapSink{publisher: p.Publisher, queue: m.queue, kind: k})
		if err != nil {
			return err
		}
		defer detach()
	}
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-m.queue.arrived:
			err = m.pushAll()
		case answer := <-m.answers:
			err = m.writeTranscoded(answer)
		case now := <-tick.C:
			if err = m.pushAll(); err == nil {
				err = m.tick(now)
			}
		case u := <-r.updates:
			r.updates <- u // for awaitUpload
			return nil
		case <-r.wake:
			if !r.isWanted(p) {
				return m.end(time.Now())
			}
		}
		if err != nil {
			return err
		}
		r.noteStart(w)
	}
}

// noteStart starts the recording once something is recorded.
func (r *individual) noteStart(w *mediaWriter) {
	if !w.begins.IsZero() && r.state.Started.IsZero() {
		r.start(w.begins)
	}
	r.markThumbnail()
}

func (r *individual) isWanted(p *stage.Publication) bool {
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	return r.wanted == p
}
