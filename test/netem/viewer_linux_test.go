package netem

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/realtime"
)

// viewerOf names the variable with the token that makes this program a viewer, which runs in
// a namespace of its own; watched says whom it watches, and plainSound that it can't read
// redundant sound.
const (
	viewerOf   = "ROSTRUM_NETEM_TOKEN"
	watched    = "ROSTRUM_NETEM_PUBLISHER"
	plainSound = "ROSTRUM_NETEM_PLAIN_SOUND"
)

func TestMain(m *testing.M) {
	if token := os.Getenv(viewerOf); token != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err := error(nil)
		if connection := os.Getenv(connectionOf); connection != "" {
			err = visitStage(ctx, connection, token, os.Getenv(watched))
		} else {
			err = watch(ctx, token, os.Getenv(watched))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "viewer:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A sight is what the viewer has received up to a moment.
type sight struct {
	At        time.Time
	Connected time.Duration // from the offer to media, and
	Picture   time.Duration // from the offer to the first picture; 0 until then
	Frames    uint64
	Width     int
	Packets   uint64 // of the picture, as the next
	Lost      uint64
	Sound     uint64 // packets, as the next
	Silent    uint64 // not there when it is to be heard: what a decoder has to conceal
	Covered   uint64 // not lost for that alone which later packets repeated
	Told      string // why there is no picture, as the events socket says; "" if there is one
}

const (
	lookEvery = 50 * time.Millisecond

	// soundWait is how long after it was due sound is still of use: as long as browsers hold
	// it back at most.
	soundWait = 150 * time.Millisecond
)

// watch prints a sight every 50 ms.
func watch(ctx context.Context, raw, publisher string) error {
	token, err := realtime.ReadToken(raw)
	if err != nil {
		return err
	}
	at, err := token.SubscribeAt(publisher)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	told, heard, err := listen(ctx, token)
	if err != nil {
		cancel()
		return err
	}
	defer heard.Wait()
	defer cancel()
	began := time.Now()
	sub, err := realtime.Subscribe(ctx, at, realtime.SubscribeConfig{Rejoin: realtime.NoRejoin, NoRED: os.Getenv(plainSound) != "", AudioWait: soundWait})
	if err != nil {
		return err
	}
	connected := time.Since(began)
	defer sub.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sub.Done():
			return sub.Err()
		case now := <-tick.C:
			s := sight{At: now, Connected: connected, Told: *told.Load()}
			for _, in := range sub.Tracks() {
				f := in.Stats()
				if in.Codec.Kind() == media.Audio {
					s.Sound, s.Silent, s.Covered = f.Packets, f.Lost, f.Recovered
				} else {
					s.Frames, s.Width, s.Packets, s.Lost, s.Picture = f.Samples, f.Width, f.Packets, f.Lost, f.KeyframeWait
				}
			}
			if err := out.Encode(s); err != nil {
				return err
			}
		}
	}
}

// listen follows what the events socket says of the picture, until ctx ends.
func listen(ctx context.Context, token realtime.Token) (told *atomic.Pointer[string], ended *sync.WaitGroup, err error) {
	told, ended = &atomic.Pointer[string]{}, &sync.WaitGroup{}
	told.Store(new(string))
	stage, err := realtime.Join(ctx, token.Raw, realtime.Config{Rejoin: math.MaxInt64})
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, func() { _ = stage.Close() })
	ended.Go(func() {
		for e := range stage.Events() {
			if selected, ok := e.(realtime.LayerSelected); ok && selected.Kind == realtime.Video {
				told.Store(&selected.Reason)
			}
		}
	})
	return told, ended, nil
}

// A diary is all that a viewer has seen.
type diary struct {
	testbed *testbed

	mu   sync.Mutex // guards what follows
	all  []sight
	more chan struct{}
}

// watches starts a viewer at the far end of the path, with further variables if any are given.
func (w *testbed) watches(variables ...string) *diary {
	w.Helper()
	d := &diary{testbed: w, more: make(chan struct{}, 1)}
	cmd := w.in(w.viewer, os.Args[0])
	cmd.Env = append(os.Environ(), viewerOf+"="+w.token("viewer"), watched+"="+w.publisher)
	cmd.Env = append(cmd.Env, variables...)
	w.lines(cmd, func(line []byte) {
		var s sight
		if json.Unmarshal(line, &s) != nil {
			return
		}
		d.mu.Lock()
		d.all = append(d.all, s)
		d.mu.Unlock()
		select {
		case d.more <- struct{}{}:
		default:
		}
	})
	return d
}

// await waits for a sight after a moment that fits, and tells how long after it was.
func (d *diary) await(since time.Time, limit time.Duration, what string, fits func(s, before sight) bool) (time.Duration, sight) {
	d.testbed.Helper()
	timeout := time.After(time.Until(since.Add(limit)) + time.Second)
	for {
		d.mu.Lock()
		for i, s := range d.all {
			if i > 0 && s.At.After(since) && fits(s, d.all[i-1]) {
				d.mu.Unlock()
				return s.At.Sub(since), s
			}
		}
		d.mu.Unlock()
		select {
		case <-d.more:
		case <-timeout:
			d.testbed.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// settles waits until what fits goes on for a while, and tells when it began.
func (d *diary) settles(since time.Time, limit, hold time.Duration, what string, fits func(sight) bool) time.Duration {
	d.testbed.Helper()
	var from time.Time
	began := since
	for {
		after, s := d.await(since, limit+hold, what, func(s, _ sight) bool { return true })
		since = since.Add(after)
		switch {
		case !fits(s):
			from = time.Time{}
		case from.IsZero():
			from = s.At
		case s.At.Sub(from) >= hold:
			return from.Sub(began)
		}
		if since.Sub(began) > limit+hold {
			d.testbed.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// shows waits for the picture.
func (d *diary) shows() {
	d.testbed.Helper()
	d.await(time.Now(), 30*time.Second, "the first picture", func(s, _ sight) bool { return s.Frames > 0 })
}

// runs waits for the picture and lets it run for a time, of which it returns the diary.
func (d *diary) runs(limit time.Duration) []sight {
	d.testbed.Helper()
	d.shows()
	began := time.Now()
	d.await(began, limit+5*time.Second, "the time", func(s, _ sight) bool { return s.At.Sub(began) > limit })
	return d.since(began)
}

// since returns what was seen after a moment.
func (d *diary) since(moment time.Time) []sight {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, s := range d.all {
		if s.At.After(moment) {
			return append([]sight(nil), d.all[i:]...)
		}
	}
	return nil
}

// freeze is the longest time without a new picture.
func freeze(all []sight) time.Duration {
	longest, last := time.Duration(0), all[0]
	for _, s := range all {
		if s.Frames != last.Frames {
			last = s
		}
		longest = max(longest, s.At.Sub(last.At))
	}
	return longest
}

// concealed is the share of sound that never came.
func concealed(all []sight) float64 {
	first, last := all[0], all[len(all)-1]
	came, lost := last.Sound-first.Sound, last.Silent-first.Silent
	return float64(lost) / float64(max(came+lost, 1))
}
