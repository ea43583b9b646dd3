package recorder

import (
	"iter"
	"sync"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/worker"
	"rostrum/realtime"
)

const (
	maxGroup    = 4 << 20     // bytes of pictures that wait for one thumbnail
	retapPeriod = time.Second // between attempts to begin again at a keyframe
)

// A picture is when one arrived, and whether it is a keyframe.
type picture struct {
	at       time.Time
	keyframe bool
}

// A pictureSource collects the pictures of a publisher that a decoder needs for the newest one.
// Its owner's goroutine calls its methods, but Write.
type pictureSource struct {
	publisher *sfu.Publisher
	codec     media.Codec
	arrived   chan struct{} // has an element while packets wait

	mu      sync.Mutex // guards what follows
	packets []media.Packet
	bytes   int

	stop     func() // ends the tap; nil without
	attached time.Time
	frames   *realtime.Depacketizer
	decodes  bool   // the decoder has what precedes the next picture
	list     []byte // that the decoder needs, and did not get
}

func newPictureSource(p *sfu.Publisher, c media.Codec) *pictureSource {
	return &pictureSource{publisher: p, codec: c, arrived: make(chan struct{}, 1)}
}

// Write implements sfu.Sink. What does not fit is dropped, which the reader sees by the numbers.
func (s *pictureSource) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(p.Payload) > maxGroup {
		return nil
	}
	s.packets, s.bytes = append(s.packets, p), s.bytes+len(p.Payload)
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return nil
}

// attach begins to receive, from the newest keyframe on.
func (s *pictureSource) attach() {
	if s.stop != nil {
		return
	}
	s.lose()
	s.attached, s.frames = time.Now(), realtime.NewDepacketizer(s.codec)
	if stop, err := s.publisher.Tap(media.Video, s); err == nil {
		s.stop = stop
	}
}

// detach ends to receive.
func (s *pictureSource) detach() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets, s.bytes = nil, 0
}

// lose says that the decoder lacks a picture, and needs a keyframe.
func (s *pictureSource) lose() { s.decodes, s.list = false, nil }

// receive are the pictures that arrived since, as far as they can be decoded.
func (s *pictureSource) receive() iter.Seq[picture] {
	return func(yield func(picture) bool) {
		s.mu.Lock()
		packets := s.packets
		s.packets, s.bytes = nil, 0
		s.mu.Unlock()
		lost := false
		for _, p := range packets {
			frames, needKeyframe := s.frames.Push(packetOf(p), s.publisher.ArrivedAt(p))
			for _, f := range frames {
				if s.add(f) && !yield(picture{f.Arrived, f.Keyframe}) {
					return
				}
			}
			lost = needKeyframe
		}
		if lost {
			s.retap()
		}
	}
}

// retap begins again, unless it just did.
func (s *pictureSource) retap() {
	if s.stop == nil || time.Since(s.attached) < retapPeriod {
		return
	}
	s.detach()
	s.attach()
}

// add reports whether a frame can be decoded.
func (s *pictureSource) add(f realtime.Received) bool {
	switch {
	case f.Keyframe:
		s.decodes, s.list = true, nil
	case !s.decodes:
		return false
	case len(s.list)+len(f.Data) > maxGroup:
		s.lose()
		return false
	}
	s.list = worker.AppendPicture(s.list, f.Data)
	return true
}

// take is what the decoder needs for the last picture.
func (s *pictureSource) take() []byte {
	list := s.list
	s.list = nil
	return list
}
