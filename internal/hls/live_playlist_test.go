package hls

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// discontinuityNumbers are the discontinuity sequence numbers of the segments and parts in a
// playlist, as who knows no other playlist counts them (RFC 8216 §6.2.2).
func discontinuityNumbers(t *testing.T, text string) map[string]int {
	t.Helper()
	number, err := strconv.Atoi(tags(text, "#EXT-X-DISCONTINUITY-SEQUENCE")[0])
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "#EXT-X-DISCONTINUITY":
			number++
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			numbers[attribute(line, "URI")] = number
		case line != "" && line[0] != '#':
			numbers[line] = number
		}
	}
	return numbers
}

// What begins a period.

func restart(r *encoderRun) {
	r.t.Helper()
	r.check(r.muxer.Close())
	r.muxer = NewMuxer(r.live)
	r.configure(320, 180)
	r.check(r.muxer.SetAudio(stereo48k))
	r.n = 0
}

func hole(r *encoderRun) { r.jump(8*time.Second, true) }

func resize(r *encoderRun) {
	r.t.Helper()
	r.configure(640, 360)
	r.n = 0
}

func TestLive_NumbersDiscontinuitiesAlikeInAllPlaylists(t *testing.T) {
	for name, happens := range map[string][]func(*encoderRun){
		"nothing":                        nil,
		"a restart of the encoder":       {restart},
		"missing media":                  {hole},
		"another resolution":             {resize},
		"three, the last one of no size": {restart, hole, resize, restart, restart},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, NewLive())
			r.send(5 * time.Second)
			seen := map[string]int{}
			look := func() {
				t.Helper()
				update, err := r.live.Playlist(t.Context(), Reload{Skip: true})
				r.check(err)
				for _, text := range []string{r.text(), string(update)} {
					for uri, number := range discontinuityNumbers(t, text) {
						if before, ok := seen[uri]; ok && before != number {
							t.Fatalf("%s had discontinuity sequence number %d, now %d in\n%s", uri, before, number, text)
						}
						seen[uri] = number
					}
				}
			}
			for _, event := range append(happens, func(*encoderRun) {}) {
				event(r)
				look()
				for range 20 {
					r.send(700 * time.Millisecond)
					look()
				}
			}
			for range 80 { // until all left the list
				r.send(700 * time.Millisecond)
				look()
			}
		})
	}
}

// hls.js 1.7 takes a segment that nothing follows for the next one, too, and fails when that
// comes with another address.
func TestLive_EndsNoPlaylistWithASegment(t *testing.T) {
	r := newRun(t, NewLive())
	check := func(state string) {
		t.Helper()
		update, err := r.live.Playlist(t.Context(), Reload{Skip: true})
		r.check(err)
		for _, text := range []string{r.text(), string(update)} {
			lines := strings.Split(strings.TrimSpace(text), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "#") {
				t.Errorf("while the stream is %s the last line is %q", state, last)
			}
		}
	}
	r.send(20 * time.Second)
	check("running")
	r.check(r.muxer.Close())
	check("paused")
	r.live.End()
	check("ended")
}

// A player that has got the hinted part before the playlist that lists it would decode it
// with the initialization section that it knows. Shaka Player 5.2 does, and stops for good.
func TestLive_HintedPartBelongsToThePeriodOfTheHint(t *testing.T) {
	for name, begins := range map[string]func(*encoderRun){"restart": restart, "missing media": hole, "resolution": resize} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, NewLive())
			r.send(5 * time.Second)
			begins(r)
			r.send(3 * time.Second)
			before, after, _ := strings.Cut(r.text(), "#EXT-X-DISCONTINUITY\n")
			parts := tags(before, "#EXT-X-PART:")
			var last, next uint64
			if !parse(attribute(parts[len(parts)-1], "URI"), "part%d.mp4", &last) || !parse(attribute(tags(after, "#EXT-X-PART:")[0], "URI"), "part%d.mp4", &next) {
				t.Fatalf("no numbers of parts in\n%s", r.text())
			}
			hinted := last + 1
			if next <= hinted {
				t.Errorf("part %d was hinted before the discontinuity, and %d follows it", hinted, next)
			}
			if _, err := r.live.File(t.Context(), fmt.Sprintf("part%d.mp4", hinted)); !errors.Is(err, ErrNoFile) {
				t.Errorf("the hinted part: %v, expected %v", err, ErrNoFile)
			}
			r.verify()
		})
	}
}
