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
	maxPictures      = 10              // that are buffered before they are due
	maxPictureAge    = time.Second / 6 // of what may be drawn late: maxPictures at 60 a second
	stallAfter       = 5 * time.Second // without a picture, video counts as stopped
	maxFreeze        = 3 * time.Second // of the last good picture; then damage is shown
	keyframeInterval = 500 * time.Millisecond
)

// A videoTrack decodes the video of one participant and buffers the pictures that will
// be due.
type videoTrack struct {
	decoding     sync.Mutex // held while decoding; guards what follows
	codec        media.Codec
	decoder      *codec.VideoDecoder
	damaged      bool          // no keyframe came since a damaged picture
	damagedSince time.Duration //
	requested    time.Duration // when a keyframe was last requested
	tooLarge     bool          // above 1080p: not decoded

	mu          sync.Mutex // guards what follows
	closed      bool
	pictures    []timedPicture // in order; the first may be shown now
	size        layout.Size
	serial      uint64        // of the last picture
	lastDue     uint64        // the newest serial that was due
	lastPicture time.Duration // when it came
	hidden      bool          // what comes can't be shown: too large, or of a codec that isn't decoded
	stats       VideoStats
}

// A timedPicture is a picture on the participant's timeline.
type timedPicture struct {
	*codec.Picture
	ticks  int64
	serial uint64
}

// VideoStats count a participant's pictures.
type VideoStats struct {
	Decoded   uint64
	Damaged   uint64 // decoded from damaged data, or not at all
	Discarded uint64 // since too many were buffered
	Keyframes uint64 // requested
}

// isTooLarge reports whether a composition does not show pictures of this size.
func isTooLarge(s layout.Size) bool { return s.Width*s.Height > 1920*1080 }

// decode takes the next encoded picture. It returns whether the sender should be asked
// for a keyframe.
func (v *videoTrack) decode(f Frame, ticks int64, now time.Duration) (keyframeNeeded bool) {
	v.decoding.Lock()
	defer v.decoding.Unlock()
	if f.Keyframe && f.Width > 0 {
		v.tooLarge = isTooLarge(layout.Size{Width: f.Width, Height: f.Height})
	}
	if v.tooLarge {
		v.hide(layout.Size{Width: f.Width, Height: f.Height})
		return false
	}
	if !v.open(f.Codec) {
		v.hide(layout.Size{})
		return false
	}
	pictures, err := v.decoder.Decode(f.Data, ticks)
	damaged := err != nil
	for _, p := range pictures {
		damaged = damaged || p.Damaged
	}
	switch {
	case damaged && !v.damaged:
		v.damaged, v.damagedSince = true, now
	case !damaged && f.Keyframe:
		v.damaged = false
	}
	if v.damaged && now-v.damagedSince < maxFreeze {
		for _, p := range pictures {
			p.Close()
		}
		pictures = nil
	}
	if v.damaged && (now-v.requested >= keyframeInterval || v.requested == 0) {
		v.requested, keyframeNeeded = now, true
	}
	v.add(pictures, now, damaged, keyframeNeeded)
	return keyframeNeeded
}

// begin prepares for a new stream. The picture that is shown stays.
func (v *videoTrack) begin() {
	v.decoding.Lock()
	defer v.decoding.Unlock()
	v.closeDecoder()
	v.damaged, v.requested, v.tooLarge = false, 0, false
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.pictures) > 0 && v.pictures[len(v.pictures)-1].serial > v.lastDue {
		v.pictures[len(v.pictures)-1].Close()
		v.pictures = v.pictures[:len(v.pictures)-1]
	}
}

// closeDecoder frees the decoder; v.decoding is held.
func (v *videoTrack) closeDecoder() {
	if v.decoder != nil {
		v.decoder.Close()
		v.decoder = nil
	}
}

// open makes sure that there is a decoder for a codec. A participant may change codecs
// at a keyframe of the new one.
func (v *videoTrack) open(c media.Codec) bool {
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
		return false // such as AV1: the participant is heard, not seen
	}
	v.closeDecoder()
	v.decoder, v.codec, v.damaged = d, c, false
	return true
}

// hide records that pictures come which can't be shown, of a size if that is known.
func (v *videoTrack) hide(s layout.Size) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hidden = true
	if s.Width != 0 {
		v.size = s
	}
	v.clear()
}

// add buffers decoded pictures and counts them.
func (v *videoTrack) add(pictures []*codec.Picture, now time.Duration, damaged, requested bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if damaged {
		v.stats.Damaged++
	}
	if requested {
		v.stats.Keyframes++
	}
	for _, p := range pictures {
		if v.closed {
			p.Close()
			continue
		}
		v.serial++
		v.stats.Decoded++
		v.lastPicture = now
		v.pictures = append(v.pictures, timedPicture{p, p.Timestamp, v.serial})
		v.size, v.hidden = layout.Size{Width: p.Width, Height: p.Height}, false
	}
	for len(v.pictures) > maxPictures {
		v.stats.Discarded++
		v.drop()
	}
}

// drop frees the oldest picture; v.mu is held.
func (v *videoTrack) drop() {
	v.pictures[0].Close()
	v.pictures = append(v.pictures[:0], v.pictures[1:]...)
}

// discard frees all pictures, so that none of them is shown when new ones come.
func (v *videoTrack) discard() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
}

// clear frees all pictures; v.mu is held.
func (v *videoTrack) clear() {
	for len(v.pictures) > 0 {
		v.drop()
	}
}

// due returns the picture to show at a timestamp, if it is another than the one drawn. The
// caller closes it.
func (v *videoTrack) due(ticks int64, c *cadence, drawn uint64) (p timedPicture, fresh bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range c.passed(v.pictures, ticks) {
		v.drop()
	}
	i := c.choose(v.pictures, ticks, v.lastDue)
	if i < 0 || v.pictures[i].serial == drawn {
		return timedPicture{}, false
	}
	p = v.pictures[i]
	v.lastDue = max(v.lastDue, p.serial)
	p.Picture = p.Share()
	return p, true
}

// videoState is what a layout needs to know of a videoTrack.
type videoState struct {
	size   layout.Size // of the newest picture
	due    bool        // there is a picture to show
	hidden bool        // what comes can't be shown
}

// state is that at a timestamp. The last picture of video that stalled is dropped.
func (v *videoTrack) state(ticks int64, now time.Duration) videoState {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now-v.lastPicture >= stallAfter {
		v.clear()
	}
	due := len(v.pictures) > 0 && (v.pictures[0].ticks <= ticks || v.pictures[0].serial <= v.lastDue)
	return videoState{v.size, due, v.hidden}
}

// figures are the size of the newest picture and the counts.
func (v *videoTrack) figures() (layout.Size, VideoStats) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.size, v.stats
}

func (v *videoTrack) close() {
	v.mu.Lock()
	v.closed = true
	v.clear()
	v.mu.Unlock()
	v.decoding.Lock()
	defer v.decoding.Unlock()
	v.closeDecoder()
}
