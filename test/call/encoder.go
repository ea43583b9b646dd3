package call

import (
	"bytes"
	"context"
	"testing"
	"time"

	"rostrum/internal/rtmp"
	"rostrum/internal/testpattern"
)

// Encode sends small pictures by RTMP until the server ends it or ctx ends, for which the end of
// the test waits. What it returns is closed then.
func Encode(ctx context.Context, t testing.TB, address string) (ended <-chan struct{}) {
	t.Helper()
	const pictureTime = time.Second / 25
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180, FPS: 25})
	if err != nil {
		t.Fatal(err)
	}
	stream := rtmp.Stream{Width: 320, Height: 180, FrameRate: 25}
	first, _ := pattern.Frame(0, time.Now(), true)
	for _, unit := range Units(first) {
		if kind := unit[0] & 0x1f; kind == 7 || kind == 8 {
			stream.Sets = append(stream.Sets, unit)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	push, err := rtmp.Dial(ctx, address, stream)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer push.Abort()
		tick := time.NewTicker(pictureTime)
		defer tick.Stop()
		for n, err := uint32(0), error(nil); err == nil; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			picture, key := pattern.Frame(n, time.Now(), n%25 == 0)
			err = push.Video(time.Duration(n)*pictureTime, key, Units(picture))
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return done
}

// Units splits a picture at the start codes of H.264.
func Units(picture []byte) (all [][]byte) {
	for unit := range bytes.SplitSeq(picture, []byte{0, 0, 1}) {
		if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 {
			all = append(all, unit)
		}
	}
	return all
}
