//go:build cgo

package compositor

import (
	"sync"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

const (
	maxHeld       = 10              // pictures kept that are not due yet
	kept          = time.Second / 6 // so old may be what is drawn: maxHeld, of a member with 60 a second
	stalled       = 5 * time.Second // without a picture, video counts as stopped
	heldBack      = 3 * time.Second // damage is shown after that, if no keyframe came
	keyframeEvery = 500 * time.Millisecond
)

// A video decodes what one Member sends and keeps the pictures that will be due.
type video struct {
	decoding sync.Mutex // held while decoding; guards what follows
	codec    media.Codec
	decoder  *codec.VideoDecoder
	damaged  bool          // a picture was damaged; no keyframe came since
	since    time.Duration // when
	asked    time.Duration // when a keyframe was last asked for
	oversize bool          // of more than 1080p: not decoded

	mu       sync.Mutex // guards what follows
	closed   bool
	pictures []timed // by time; the first may be on show
	size     layout.Size
	serial   uint64
	shown    uint64        // the newest that was due
	last     time.Duration // when a picture last came
	counts   VideoCounts
}

// timed is a picture and its place on the Member's timeline.
type timed struct {
	*codec.Picture
	ticks  int64
	serial uint64
}

// VideoCounts tell what became of a Member's pictures.
type VideoCounts struct {
	Decoded   uint64
	Damaged   uint64 // decoded from damaged data, or not at all
	Discarded uint64 // came while too many were waiting
	Keyframes uint64 // asked for
}

// oversized is more than a composition shows.
func oversized(s layout.Size) bool { return s.Width*s.Height > 1920*1080 }

// decode takes the next coded picture. It returns whether the sender should be
// asked for a keyframe, and whether the size of the picture is another.
func (v *video) decode(f Frame, ticks int64, now time.Duration) (ask, resized bool) {
	v.decoding.Lock()
	defer v.decoding.Unlock()
	if f.Keyframe && f.Width > 0 {
		v.oversize = oversized(layout.Size{Width: f.Width, Height: f.Height})
	}
	if v.oversize {
		return false, v.resize(layout.Size{Width: f.Width, Height: f.Height}, now)
	}
	if !v.open(f.Codec) {
		return false, false
	}
	pictures, err := v.decoder.Decode(f.Data, ticks)
	broken := err != nil
	for _, p := range pictures {
		broken = broken || p.Damaged
	}
	switch {
	case broken && !v.damaged:
		v.damaged, v.since = true, now
	case !broken && f.Keyframe:
		v.damaged = false
	}
	if v.damaged && now-v.since < heldBack {
		for _, p := range pictures {
			p.Close()
		}
		pictures = nil
	}
	if v.damaged && (now-v.asked >= keyframeEvery || v.asked == 0) {
		v.asked, ask = now, true
	}
	return ask, v.keep(pictures, now, broken, ask)
}

// open has a decoder ready for a codec. A participant may change codecs at a
// keyframe of the new one.
func (v *video) open(c media.Codec) bool {
	if v.decoder != nil && v.codec == c {
		return true
	}
	v.mu.Lock()
	closed := v.closed
	v.mu.Unlock()
	if closed {
		return false
	}
	d, err := codec.NewVideoDecoder(c)
	if err != nil {
		return false // AV1, for instance: heard, not seen
	}
	if v.decoder != nil {
		v.decoder.Close()
	}
	v.decoder, v.codec, v.damaged = d, c, false
	return true
}

// resize notes the size of what can't be decoded.
func (v *video) resize(s layout.Size, now time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = now
	if s.Width == 0 || s == v.size {
		return false
	}
	v.size = s
	return true
}

func (v *video) keep(pictures []*codec.Picture, now time.Duration, broken, asked bool) (resized bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if broken {
		v.counts.Damaged++
	}
	if asked {
		v.counts.Keyframes++
	}
	for _, p := range pictures {
		if v.closed {
			p.Close()
			continue
		}
		v.serial++
		v.counts.Decoded++
		v.last = now
		v.pictures = append(v.pictures, timed{p, p.Timestamp, v.serial})
		if s := (layout.Size{Width: p.Width, Height: p.Height}); s != v.size {
			v.size, resized = s, true
		}
	}
	for len(v.pictures) > maxHeld {
		v.counts.Discarded++
		v.drop()
	}
	return resized
}

func (v *video) drop() {
	v.pictures[0].Close()
	v.pictures = append(v.pictures[:0], v.pictures[1:]...)
}

// due returns the newest picture up to a place, if it is another than the one with
// the serial number. The caller closes it.
func (v *video) due(ticks int64, shown uint64) (p timed, fresh bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.pictures) > 1 && v.pictures[1].ticks <= ticks {
		v.drop()
	}
	if len(v.pictures) == 0 {
		return timed{}, false
	}
	p = v.pictures[0]
	if p.serial == shown || p.ticks > ticks && p.serial > v.shown { // what was due stays so, if the delay grew
		return timed{}, false
	}
	v.shown = max(v.shown, p.serial)
	p.Picture = p.Share()
	return p, true
}

// state is the size of the newest picture and whether one came lately.
func (v *video) state(now time.Duration) (s layout.Size, flowing bool, counts VideoCounts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.size, now-v.last < stalled, v.counts
}

func (v *video) close() {
	v.mu.Lock()
	v.closed = true
	for len(v.pictures) > 0 {
		v.drop()
	}
	v.mu.Unlock()
	v.decoding.Lock()
	defer v.decoding.Unlock()
	if v.decoder != nil {
		v.decoder.Close()
		v.decoder = nil
	}
}
