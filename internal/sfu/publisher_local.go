package sfu

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

const (
	// localPayload is the size of the packets that frames are split into. With all headers
	// they fit into the smallest path MTU of IPv6.
	localPayload = 1150

	// localRingSize is in packets: eight seconds at 2.5 Mbit/s. Who joins begins with the last
	// keyframe, because the source can't be asked for another.
	localRingSize = 2048

	// localAudioRingSize is ten seconds: audio for the keyframe group that is stored.
	localAudioRingSize = 512

	// maxLocalTasks is how many writes wait for the shard before the source waits, too. More
	// would be sent to the subscribers at once after the shard got no processor for a while.
	maxLocalTasks = 4

	// localClockGain is the weight of one frame in the relation between a source's clock and
	// the engine's, so that jitter has no effect and drift is followed.
	localClockGain = 1.0 / 256
)

// LocalFrame is a frame of media that this process received otherwise than by WebRTC.
type LocalFrame struct {
	Kind  media.Kind
	Layer int           // index in the labels of PublishFrames; 0 for audio
	Units [][]byte      // NAL units of a picture, without parameter sets only if it is no keyframe; or what media.Packetizer takes of another codec; or one packet of Opus
	Time  time.Duration // of its presentation, on a clock that all frames of the source have in common
	Level uint8         // of audio, as media.Packet has it
}

// localSource is the state of a publisher without a peer. Owned by its shard but for tasks.
type localSource struct {
	tasks     atomic.Int32 // that wait for the shard
	sequences map[*Layer]uint16
	started   bool
	offset    time.Duration // the engine's clock minus the source's

	packetizers []*media.Packetizer // by layer of the video; for the goroutine that writes
}

func (o *localSource) usePacketizers(c media.Codec, layers int) {
	o.packetizers = nil
	for range layers {
		o.packetizers = append(o.packetizers, media.NewPacketizer(c))
	}
}

// PublishFrames adds a publisher of H.264 and Opus whose media come from WriteFrames. labels are
// those of its video layers, none if there is one. Its Closed event follows Close: it is never
// lost by itself. Errors are ErrBusy or ErrClosed.
func (r *Router) PublishFrames(cfg PublishConfig, labels []string) (*Publisher, error) {
	p := &Publisher{router: r, cfg: cfg, stream: streamName(cfg.Participant), subscribers: map[*Subscriber]struct{}{}}
	for _, media := range []struct {
		codec    media.Codec
		labels   []string
		ringSize int
	}{{media.Opus, nil, localAudioRingSize}, {media.H264, labels, localRingSize}} {
		t := newTrack(p, &sdp.Section{RIDs: media.labels}, &sdp.AnswerSection{Payload: sdp.Payload{Codec: media.codec}})
		for _, l := range t.layers {
			l.ring = newRing(media.ringSize)
		}
		p.tracks = append(p.tracks, t)
	}
	p.local = &localSource{sequences: map[*Layer]uint16{}}
	p.local.usePacketizers(media.H264, len(p.track(media.Video).layers))
	var err error
	if p.transport, err = newLocalTransport(r, p, cfg.Notify); err != nil {
		return nil, err
	}
	if err := r.add(p); err != nil {
		p.transport.abort()
		return nil, err
	}
	p.transport.startLocal()
	return p, nil
}

// SetVideoCodec sets the codec of the video, which is H.264 otherwise, before WriteFrames gets any.
// It is for the goroutine that calls WriteFrames. Subscribers that came before agreed on the other
// codec, and are ended.
func (p *Publisher) SetVideoCodec(c media.Codec) {
	t := p.track(media.Video)
	if p.local == nil || t.codec() == c {
		return
	}
	p.local.usePacketizers(c, len(t.layers))
	p.transport.call(func(*shard) {
		for _, l := range t.layers {
			l.sets = media.NewParameterSets(c)
		}
	})
	p.mu.Lock()
	t.coded.Store(uint32(c))
	early := slices.Collect(maps.Keys(p.subscribers))
	p.mu.Unlock()
	for _, s := range early {
		s.Close("the codec of the publisher was not known")
	}
}

// WriteFrames passes frames on to the subscribers, in one burst, and doesn't wait for that. It
// keeps the Units of audio. It does nothing for a publisher that has a peer.
func (p *Publisher) WriteFrames(frames ...LocalFrame) {
	if p.local == nil {
		return
	}
	payloads := make([][][]byte, len(frames))
	for i, f := range frames {
		if payloads[i] = f.Units; f.Kind == media.Video && f.Layer < len(p.local.packetizers) {
			payloads[i] = p.local.packetizers[f.Layer].Packetize(f.Units, localPayload)
		}
	}
	if p.local.tasks.Add(1) > maxLocalTasks {
		p.flush()
	}
	p.transport.post(func(s *shard) {
		p.local.tasks.Add(-1)
		for i, f := range frames {
			if t := p.track(f.Kind); t != nil && f.Layer < len(t.layers) && !p.transport.ended.Load() {
				p.writeFrame(s, t.layers[f.Layer], f, payloads[i])
			}
		}
	})
}

// flush waits until all frames are passed on.
func (p *Publisher) flush() {
	if p.local != nil {
		p.transport.call((*shard).flushBursts)
	}
}

func (p *Publisher) writeFrame(s *shard, l *Layer, f LocalFrame, payloads [][]byte) {
	timestamp := rtpTimestamp(f.Time, l.clockRate())
	at := p.local.follow(s.now, f.Time)
	l.timeline.Store(&timeline{unixNano: s.core.unixNano(at), timestamp: timestamp, arrivedAt: at, clockRate: l.clockRate()})
	for i, payload := range payloads {
		packet := media.Packet{Payload: payload, Marker: f.Kind == media.Video && i == len(payloads)-1, Level: f.Level}
		number := p.local.sequences[l]
		p.local.sequences[l]++
		if drop := l.accept(&packet, number, timestamp, s.now, false); drop != None {
			s.drops[drop]++
			continue
		}
		p.transport.bytesIn += uint64(len(payload))
		p.addToBurst(s, l, &packet)
	}
	p.transport.lastReceived = s.now
}

// rtpTimestamp is a time in units of the clock rate. A product of both overflows after a day.
func rtpTimestamp(t time.Duration, clockRate int64) uint32 {
	seconds, rest := int64(t/time.Second), int64(t%time.Second)
	return uint32(seconds*clockRate + rest*clockRate/int64(time.Second))
}

// follow adds one frame to the relation between the clocks. It returns the frame's time by the
// engine's.
func (o *localSource) follow(now, at time.Duration) time.Duration {
	if !o.started {
		o.started, o.offset = true, now-at
	}
	o.offset += time.Duration(float64(now-at-o.offset) * localClockGain)
	return o.offset + at
}

// tickLocal is tick without a peer: there is nobody to ask for keyframes or to report to.
func (p *Publisher) tickLocal(s *shard) {
	if s.now >= p.schedule.survey {
		p.schedule.survey = s.now + surveyInterval
		p.survey(s)
	}
}

// newLocalTransport returns a transport without a peer, on which nothing is sent.
func newLocalTransport(r *Router, owner transportOwner, notify func(Event)) (*Transport, error) {
	c := r.core
	if err := c.reserveTransport(); err != nil {
		return nil, err
	}
	c.halfOpen.Add(-1)
	t := &Transport{core: c, events: &r.events, owner: owner, notify: notify, createdAt: time.Now(), done: make(chan struct{}), local: true}
	t.ice.Store(&iceSession{})
	return t, nil
}

// startLocal lets media flow on a transport without a peer.
func (t *Transport) startLocal() {
	t.mu.Lock()
	t.connected = true
	t.mu.Unlock()
	t.runOnShard(func(s *shard) {
		if t.ended.Load() {
			return
		}
		t.mediaReady = true
		t.emit(Connected{Protocol: "local", After: time.Since(t.createdAt)})
		t.owner.connected(s)
	})
}
