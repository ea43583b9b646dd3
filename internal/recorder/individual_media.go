package recorder

import (
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/event"
	"rostrum/internal/media"
	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

const (
	maxPackets    = 4096            // that may wait for the recorder
	videoWait     = 5 * time.Second // for the first picture, before audio is recorded alone
	retapInterval = time.Second     // between attempts to begin again at a keyframe
	tickInterval  = 200 * time.Millisecond
)

// A tapped packet is one of a participant, and when it came.
type tapped struct {
	packet media.Packet
	at     time.Time
	kind   media.Kind
	number int // of the tap
}

// A tapSink queues packets. What does not fit is dropped, which the reader sees by the numbers.
type tapSink struct {
	queue  chan<- tapped
	kind   media.Kind
	number int
}

// Write implements sfu.Sink.
func (s *tapSink) Write(p media.Packet) error {
	select {
	case s.queue <- tapped{p, time.Now(), s.kind, s.number}:
	default:
	}
	return nil
}

// A part is what is recorded of one publication.
type part struct {
	individual  *individual
	publication *stage.Publication
	writer      *mediaWriter
	queue       chan tapped
	began       time.Time
	asked       time.Time    // for a keyframe at which the segment can end
	tracks      [2]partTrack // by kind
}

type partTrack struct {
	codec    media.Codec
	number   int
	detach   func()
	attached time.Time
	frames   *realtime.Depacketizer
	clock    trackClock
}

func (r *individual) newWriter(p *stage.Publication) (*mediaWriter, *event.Failure) {
	if r.hasOtherVideo(p) {
		return nil, unrecordable(p.Publisher.Codec(media.Video))
	}
	return &mediaWriter{
		spool: r.files, folder: participantRendition, target: time.Duration(*r.settings.HLSConfiguration.TargetSegmentDurationSeconds) * time.Second,
	}, nil
}

// hasOtherVideo reports whether a publication has video of a codec that is not recorded.
func (r *individual) hasOtherVideo(p *stage.Publication) bool {
	video := p.Publisher.Codec(media.Video)
	return r.records(media.Video) && video != media.NoCodec && video != media.H264
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
		r.state.LastSessionID = p.SessionID
		if r.now != nil && !r.state.Started.IsZero() {
			r.update(ivsrealtime.RecordingActive, nil)
		}
		r.now = p
		err := r.recordPart(p, w)
		r.recorder.Scan() // uploads go on in the reconnect window
		if failure := r.recorder.Failure(); failure != nil {
			return failure
		}
		if err == nil && window > 0 {
			if p = r.awaitReturn(window); p != nil {
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

// awaitReturn waits for the participant to publish again.
func (r *individual) awaitReturn(window time.Duration) *stage.Publication {
	over := time.NewTimer(window)
	defer over.Stop()
	for {
		p := r.want()
		if p != nil && r.hasOtherVideo(p) {
			r.seen = nil // which then gets a recording of its own
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

// recordPart records one publication until it ends.
func (r *individual) recordPart(p *stage.Publication, w *mediaWriter) error {
	defer r.thumbnails.follow(p)()
	m := &part{individual: r, publication: p, writer: w, queue: make(chan tapped, maxPackets), began: time.Now()}
	w.audio = p.Publisher.Codec(media.Audio) == media.Opus
	for _, k := range []media.Kind{media.Audio, media.Video} {
		t := &m.tracks[k]
		if t.codec = p.Publisher.Codec(k); t.codec == media.NoCodec || !r.records(k) {
			t.codec = media.NoCodec
			continue
		}
		defer func() { t.detachNow() }()
		m.attach(k)
	}
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		var err error
		select {
		case packet := <-m.queue:
			err = m.push(packet)
		case now := <-tick.C:
			err = m.tick(now)
		case u := <-r.updates:
			r.updates <- u // for awaitUpload
			return nil
		case <-r.wake:
			if r.isWanted(p) {
				r.markThumbnail()
				continue
			}
			return m.end()
		}
		if err != nil {
			return err
		}
	}
}

func (r *individual) isWanted(p *stage.Publication) bool {
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	return r.wanted == p
}

func (t *partTrack) detachNow() {
	if t.detach != nil {
		t.detach()
	}
	t.detach = nil
}

// attach begins to receive a track, from its next keyframe on, which the publisher is asked for.
func (m *part) attach(k media.Kind) {
	t := &m.tracks[k]
	t.detachNow()
	t.number++
	t.attached, t.frames, t.clock = time.Now(), realtime.NewDepacketizer(t.codec), trackClock{}
	detach, err := m.publication.Publisher.Tap(k, &tapSink{queue: m.queue, kind: k, number: t.number})
	if err == nil {
		t.detach = detach
	}
}

// again asks for a keyframe, until one comes.
func (m *part) again() {
	if time.Since(m.tracks[media.Video].attached) >= retapInterval {
		m.attach(media.Video)
	}
}

func (m *part) push(p tapped) error {
	t := &m.tracks[p.kind]
	if p.number != t.number {
		return nil
	}
	frames, needKeyframe := t.frames.Push(packetOf(p.packet), p.at)
	for _, f := range frames {
		for _, known := range t.clock.add(f) {
			if err := m.write(p.kind, known); err != nil {
				return err
			}
		}
	}
	if needKeyframe && p.kind == media.Video {
		m.again()
	}
	return nil
}

// packetOf is a packet as a publisher sent it.
func packetOf(p media.Packet) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{SequenceNumber: uint16(p.Sequence), Timestamp: p.Timestamp, Marker: p.Marker},
		Payload: p.Payload,
	}
}

func (m *part) write(k media.Kind, f realtime.Received) error {
	at := m.tracks[k].clock.at(f)
	w := m.writer
	if k == media.Video {
		ok, err := w.writeVideo(at, f.Data, f.Keyframe)
		if err == nil && !ok {
			m.again()
		}
		m.markStart(at)
		return err
	}
	if !w.open && (m.tracks[media.Video].codec == media.NoCodec || time.Since(m.began) > videoWait) {
		if err := w.begin(at, nil, nil); err != nil {
			return err
		}
		m.markStart(at)
	}
	return w.writeAudio(at, f.Data)
}

// markStart starts the recording with its first section.
func (m *part) markStart(at time.Time) {
	if r := m.individual; m.writer.open && r.state.Started.IsZero() {
		r.start(at)
	}
}

func (m *part) tick(now time.Time) error {
	m.individual.recorder.Scan()
	if m.writer.isDue(now) && now.Sub(m.asked) >= retapInterval {
		m.asked = now
		m.publication.Publisher.RequestKeyframe()
	}
	ok, err := m.writer.tick(now)
	if err == nil && !ok {
		m.again()
	}
	return err
}

// end writes what is held.
func (m *part) end() error {
	for k := range m.tracks {
		t := &m.tracks[k]
		t.detachNow()
		if t.codec == media.NoCodec {
			continue
		}
		for _, f := range t.clock.release() {
			if err := m.write(media.Kind(k), f); err != nil {
				return err
			}
		}
	}
	return m.writer.interrupt(time.Now())
}
