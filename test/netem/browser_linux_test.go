package netem

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a browser's user gets to see and hear, up to a moment; test/e2e/onlooker.mjs tells it.
type view struct {
	At       int64   // Unix milliseconds
	State    string  // what the page says of itself
	Text     string  // and of the other's picture
	Shown    int     // pictures of the other on the screen so far
	Waited   int     // the longest wait for one since the last view, in milliseconds
	Pixels   int64   // another number for another picture
	Damaged  float64 // share of the picture's background that the camera didn't film
	Incoming incoming
	Outgoing outgoing
}

type way struct {
	Connection string
	Protocol   string  // of the candidate pair in use
	RoundTrip  float64 // seconds
}

type incoming struct {
	way
	Frames, Width, Freezes  int
	Frozen                  float64 // seconds
	Packets, Lost, Nacks    int     // of the picture
	Samples, Concealed      float64 // of the sound; silence that conceals silence isn't counted
	SoundPackets, SoundLost int
	SoundNacks, Repaired    int
}

type outgoing struct {
	way
	Available  float64 // bits a second
	SoundAgain int     // packets of sound sent again
	Layers     []struct {
		RID, Limit    string
		Width, Frames int
		Target        float64 // bits a second
		Active        bool
	}
}

// sendsBest reports whether pictures of the best layer were sent since the view before.
func (v view) sendsBest(before view) bool {
	for _, l := range v.Outgoing.Layers {
		for _, was := range before.Outgoing.Layers {
			if l.RID == was.RID && l.Width == 1280 && l.Frames > was.Frames {
				return true
			}
		}
	}
	return false
}

func (v view) at() time.Time { return time.UnixMilli(v.At) }

// A browser is a Chromium in a network namespace, on the page of a stage.
type browser struct {
	testbed *testbed
	name    string
	stdin   io.Writer
	done    chan string

	mu   sync.Mutex // guards what follows
	all  []view
	more chan struct{}
}

// needBrowsers skips the test where there is no Chromium, or nothing to steer it with.
func needBrowsers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("browsers take minutes")
	}
	for _, command := range []string{"chromium", "node"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("no %s here: make netem installs it", command)
		}
	}
	if _, err := os.Stat("../e2e/node_modules/playwright-core"); err != nil {
		t.Skip("playwright-core is not installed: make netem does it")
	}
}

// browse starts a browser in a namespace.
func (w *testbed) browse(name, namespace string) *browser {
	w.Helper()
	b := &browser{testbed: w, name: name, done: make(chan string, 8), more: make(chan struct{}, 1)}
	cmd := w.in(namespace, "node", "../e2e/onlooker.mjs", origin)
	in, err := cmd.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	b.stdin = in
	w.lines(cmd, b.hear)
	w.Cleanup(func() { // it closes Chromium
		in.Close()
		time.Sleep(500 * time.Millisecond)
	})
	b.awaitDone("open")
	return b
}

const origin = "http://" + serverIP + ":7080"

func (b *browser) hear(line []byte) {
	var said struct {
		Sight       *view
		Done, Fault string
	}
	if err := json.Unmarshal(line, &said); err != nil {
		b.testbed.Errorf("%s says %s: %v", b.name, line, err)
	}
	switch {
	case said.Fault != "":
		b.testbed.Errorf("%s: %s", b.name, said.Fault)
		b.done <- ""
	case said.Done != "":
		b.done <- said.Done
	case said.Sight != nil:
		b.mu.Lock()
		b.all = append(b.all, *said.Sight)
		b.mu.Unlock()
		select {
		case b.more <- struct{}{}:
		default:
		}
	}
}

func (b *browser) order(order, argument string) {
	b.testbed.Helper()
	if err := json.NewEncoder(b.stdin).Encode(map[string]string{"order": order, "argument": argument}); err != nil {
		b.testbed.Fatalf("%s: %s: %v", b.name, order, err)
	}
	b.awaitDone(order)
}

func (b *browser) awaitDone(order string) {
	b.testbed.Helper()
	select {
	case done := <-b.done:
		if done != order {
			b.testbed.Fatalf("%s: %s did not happen", b.name, order)
		}
	case <-time.After(40 * time.Second):
		b.testbed.Fatalf("%s: %s takes longer than 40 s", b.name, order)
	}
}

// shoot keeps a picture of what the browser shows, outside the sources.
func (b *browser) shoot(what string) {
	b.testbed.Helper()
	folder, err := filepath.Abs("../../.cache/netem")
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		b.testbed.Fatal(err)
	}
	b.order("screenshot", filepath.Join(folder, fmt.Sprintf("%s-%s.png", strings.ReplaceAll(what, " ", "-"), b.name)))
}

// since returns what was seen after a moment.
func (b *browser) since(from time.Time) []view {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, v := range b.all {
		if v.at().After(from) {
			return append([]view(nil), b.all[i:]...)
		}
	}
	return nil
}

// await waits until what fits is seen, and goes on for a while; it tells when that began.
func (b *browser) await(from time.Time, limit, hold time.Duration, what string, fits func(now, before view) bool) time.Duration {
	b.testbed.Helper()
	deadline := time.After(time.Until(from.Add(limit + hold)))
	for {
		var held time.Time
		all := b.since(from)
		for i, v := range all {
			switch {
			case i == 0:
			case !fits(v, all[i-1]):
				held = time.Time{}
			case held.IsZero():
				held = v.at()
			}
			if !held.IsZero() && v.at().Sub(held) >= hold {
				return held.Sub(from)
			}
		}
		select {
		case <-b.more:
		case <-deadline:
			b.testbed.Fatalf("%s: %s: not within %v; last seen %+v", b.name, what, limit, b.last())
		}
	}
}

func (b *browser) last() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return view{}
	}
	return b.all[len(b.all)-1]
}

// A tally sums up what was seen over a while.
type tally struct {
	longest                         time.Duration // without a new picture on the screen
	still                           time.Duration // with the same pixels
	rate                            float64       // pictures a second
	damaged                         float64       // the greatest share of a background that is not the camera's
	concealed                       float64       // share of the sound
	lost, resent                    int
	frozen                          time.Duration
	widths                          []int
	soundLost, soundNacks, repaired int
}

func sum(all []view) tally {
	first, last := all[0], all[len(all)-1]
	s := tally{
		rate:      float64(last.Incoming.Frames-first.Incoming.Frames) / last.at().Sub(first.at()).Seconds(),
		concealed: (last.Incoming.Concealed - first.Incoming.Concealed) / max(last.Incoming.Samples-first.Incoming.Samples, 1),
		lost:      last.Incoming.Lost - first.Incoming.Lost,
		resent:    last.Incoming.Nacks - first.Incoming.Nacks,
		frozen:    time.Duration((last.Incoming.Frozen - first.Incoming.Frozen) * float64(time.Second)),
		soundLost: last.Incoming.SoundLost - first.Incoming.SoundLost, soundNacks: last.Incoming.SoundNacks - first.Incoming.SoundNacks,
		repaired: last.Incoming.Repaired - first.Incoming.Repaired,
	}
	moved := first
	for _, v := range all[1:] {
		s.longest = max(s.longest, time.Duration(v.Waited)*time.Millisecond)
		s.still = max(s.still, v.at().Sub(moved.at()))
		s.damaged = max(s.damaged, v.Damaged)
		if v.Pixels != moved.Pixels {
			moved = v
		}
		if n := len(s.widths); n == 0 || s.widths[n-1] != v.Incoming.Width {
			s.widths = append(s.widths, v.Incoming.Width)
		}
	}
	return s
}

func (s tally) String() string {
	return fmt.Sprintf("%.1f pictures a second, longest wait for one %v (same pixels %v, frozen %v in all), widths %v, sound concealed %.2f %% (%d lost, %d NACKs, %d repaired), picture's packets lost %d, NACKs %d, damaged %.0f %%",
		s.rate, s.longest, s.still.Round(time.Millisecond), s.frozen.Round(time.Millisecond), s.widths, 100*s.concealed, s.soundLost, s.soundNacks, s.repaired, s.lost, s.resent, 100*s.damaged)
}
