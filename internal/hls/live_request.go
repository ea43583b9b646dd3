package hls

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Errors of requests for live media.
var (
	ErrTooFar  = errors.New("the request is too far ahead of the stream")
	ErrNotYet  = errors.New("the stream does not go on")
	ErrNoFile  = errors.New("no such file")
	ErrNoMedia = errors.New("the stream has no complete segment yet: it needs a second keyframe")
)

// A Reload is a request for a media playlist (RFC 8216bis §6.2.5).
type Reload struct {
	Blocks   bool   // until the playlist has a segment, or a part of it
	Sequence uint64 // number of the segment
	Part     int    // index; -1 for the whole segment
	Skip     bool   // a delta update is enough
	// Whole is for players that read no initialization section after a discontinuity, as VLC
	// 3.0: segments begin with their own, and the playlist names none.
	Whole bool
	// Several is for players that can't continue from a playlist of one segment, as GStreamer
	// 1.22: at the start of a stream they wait for the second.
	Several bool
}

// Names of files, with a number.
const (
	initName    = "init%d.mp4"
	segmentName = "segment%d.mp4"
	wholeName   = "whole%d.mp4" // a segment after its initialization section
	partName    = "part%d.mp4"
)

func (r Reload) segmentName() string {
	if r.Whole {
		return wholeName
	}
	return segmentName
}

const (
	// blockTargets is how many target durations a request waits for media.
	blockTargets = 3
	// firstWait is how long a request waits for the first segment.
	firstWait = 3 * time.Second
)

// await waits until a condition holds. The mutex is held, and released meanwhile.
func (l *Live) await(ctx context.Context, limit time.Duration, met func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !met() {
		changed := l.changed
		l.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-timer.C:
			err = ErrNotYet
		case <-ctx.Done():
			err = ctx.Err()
		}
		l.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitSeveral waits for the second segment, for as long as one may last and arrive.
func (l *Live) awaitSeveral(ctx context.Context) error {
	err := l.await(ctx, l.target+segmentTolerance+minTarget, func() bool { return len(l.segments) > 1 || l.state != running })
	if errors.Is(err, ErrNotYet) {
		return nil
	}
	return err
}

// awaitMedia waits for the first segment.
func (l *Live) awaitMedia(ctx context.Context) error {
	err := l.await(ctx, firstWait, func() bool { return len(l.segments) > 0 })
	if errors.Is(err, ErrNotYet) {
		return ErrNoMedia
	}
	return err
}

// Multivariant returns the multivariant playlist. It repeats the query for the media
// playlist.
func (l *Live) Multivariant(ctx context.Context, query string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.awaitMedia(ctx); err != nil {
		return nil, err
	}
	init, peak := l.current()
	return init.multivariant(query, peak), nil
}

// Playlist returns the media playlist, once it has what the request is for.
func (l *Live) Playlist(ctx context.Context, r Reload) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.awaitMedia(ctx); err != nil {
		return nil, err
	}
	if r.Several {
		if err := l.awaitSeveral(ctx); err != nil {
			return nil, err
		}
	}
	if r.Blocks && l.state != ended {
		if l.isTooFar(r.Sequence, r.Part) {
			return nil, ErrTooFar
		}
		if err := l.awaitPart(ctx, r); err != nil {
			return nil, err
		}
	}
	return l.playlist(r), nil
}

// known is the number below which the client knows all segments, if it takes a delta
// update. Players ask for one after they were offline, too.
func (r Reload) known() uint64 {
	switch {
	case !r.Skip:
		return 0
	case r.Blocks:
		return r.Sequence
	}
	return math.MaxUint64
}

// awaitPart waits for what a request is for. Without an encoder it waits less and is
// content with what there is: players give up after a few errors.
func (l *Live) awaitPart(ctx context.Context, r Reload) error {
	wasRunning := l.state == running
	limit := blockTargets * l.target
	if !wasRunning {
		limit = l.target
	}
	err := l.await(ctx, limit, func() bool {
		return l.has(r.Sequence, r.Part) || l.state == ended || wasRunning && l.state == paused
	})
	if errors.Is(err, ErrNotYet) && !wasRunning {
		return nil
	}
	return err
}

// File returns a segment, a part or an initialization section by its name. It waits for the
// next part.
func (l *Live) File(ctx context.Context, name string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n uint64
	switch {
	case parse(name, initName, &n):
		return l.initSection(n)
	case parse(name, segmentName, &n):
		if s := l.segment(n); s != nil {
			return s.data, nil
		}
	case parse(name, wholeName, &n):
		if s := l.segment(n); s != nil {
			return s.whole, nil
		}
	case parse(name, partName, &n):
		if n == l.parts && l.state == running {
			err := l.await(ctx, blockTargets*max(l.target, minTarget), func() bool { return n < l.parts || l.state != running })
			if err != nil {
				return nil, err
			}
		}
		return l.findPart(n)
	}
	return nil, ErrNoFile
}

// parse reads the number in a name of exactly a form.
func parse(name, form string, n *uint64) bool {
	_, err := fmt.Sscanf(name, form, n)
	return err == nil && fmt.Sprintf(form, *n) == name
}

// all are the segments, with the open one.
func (l *Live) all() []*liveSegment {
	if l.open == nil {
		return l.segments
	}
	return append(l.segments[:len(l.segments):len(l.segments)], l.open)
}

// segment returns a complete segment; nil if there is none of that number.
func (l *Live) segment(number uint64) *liveSegment {
	for _, s := range l.segments {
		if s.number == number {
			return s
		}
	}
	return nil
}

func (l *Live) initSection(number uint64) ([]byte, error) {
	for _, s := range l.all() {
		if s.init.number == number {
			return s.init.data, nil
		}
	}
	return nil, ErrNoFile
}

func (l *Live) findPart(number uint64) ([]byte, error) {
	for _, s := range l.all() {
		if n := len(s.parts); n > 0 && number >= s.parts[0].number && number-s.parts[0].number < uint64(n) {
			return s.parts[number-s.parts[0].number].data, nil
		}
	}
	return nil, ErrNoFile
}
