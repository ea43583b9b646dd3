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

// newSegments is a live stream of some segments of two seconds, each of ten parts, and of
// some parts of the next.
func newSegments(t *testing.T, n, parts int) *Live {
	t.Helper()
	l := NewLive()
	l.configure(2*time.Second, 200*time.Millisecond)
	l.state = running
	init := &initSection{}
	for i := range 10*n + parts {
		l.begin(init, time.Unix(0, 0))
		l.addPart(200*time.Millisecond, i%10 == 0, []byte{1})
		if i%10 == 9 {
			l.complete()
		}
	}
	return l
}

func TestLive_HasWhatIsComplete(t *testing.T) {
	l := newSegments(t, 3, 4)
	last := l.last().number
	paused := newSegments(t, 3, 0)
	for _, c := range []struct {
		live   *Live
		number uint64
		part   int
		has    bool
	}{
		{l, last - 1, -1, true}, {l, last - 1, 12, true}, {l, 0, 0, true},
		{l, last, -1, true}, {l, last, 9, true}, {l, last, 10, true},
		{l, last + 1, -1, false}, {l, last + 1, 0, true}, {l, last + 1, 3, true}, {l, last + 1, 4, false}, {l, last + 2, 0, false},
		{paused, paused.last().number, 9, true}, {paused, paused.last().number, 10, false}, {paused, paused.last().number, -1, true},
		{paused, paused.last().number - 1, 10, true}, {paused, paused.last().number + 1, 0, false},
	} {
		if got := c.live.has(c.number, c.part); got != c.has {
			t.Errorf("segment %+d, part %d: %v, expected %v", int64(c.number-c.live.last().number), c.part, got, c.has)
		}
	}
}

func TestLive_RefusesWhatIsTooFar(t *testing.T) {
	l := newSegments(t, 3, 4)
	paused := newSegments(t, 3, 0)
	for _, c := range []struct {
		live   *Live
		ahead  uint64
		part   int
		tooFar bool
	}{
		{l, 0, 99, false}, {l, 1, -1, false}, {l, 1, 18, false}, {l, 1, 19, true}, {l, 2, -1, false}, {l, 2, 99, false}, {l, 3, -1, true}, {l, 3, 0, true},
		{paused, 1, 14, false}, {paused, 1, 15, true},
	} {
		if got := c.live.isTooFar(c.live.last().number+c.ahead, c.part); got != c.tooFar {
			t.Errorf("%d segments ahead, part %d: %v, expected %v", c.ahead, c.part, got, c.tooFar)
		}
	}
}

// The distances are those of RFC 8216bis: what is six target durations before the end may be
// skipped, and parts are listed for three.
func TestLive_ListsWhatIsNearTheEnd(t *testing.T) {
	for _, c := range []struct{ parts, kept, withParts int }{{0, 6, 4}, {1, 6, 3}, {9, 6, 3}} {
		l := newSegments(t, 12, c.parts)
		update, full := string(l.playlist(Reload{Skip: true})), string(l.playlist(Reload{}))
		if got := len(tags(update, "#EXTINF")); got != c.kept {
			t.Errorf("with %d parts of the next segment an update has %d segments, expected %d", c.parts, got, c.kept)
		}
		if got := len(tags(full, "#EXT-X-PART:")); got != 10*c.withParts+c.parts {
			t.Errorf("with %d parts of the next segment it lists %d, expected %d", c.parts, got, 10*c.withParts+c.parts)
		}
		for _, line := range []string{
			"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=6,PART-HOLD-BACK=0.600,CAN-SKIP-UNTIL=12\n",
			"#EXT-X-PART-INF:PART-TARGET=0.200\n", "#EXT-X-TARGETDURATION:2\n", fmt.Sprintf("#EXT-X-MEDIA-SEQUENCE:%d\n", l.last().number-11),
		} {
			if !strings.Contains(full, line) {
				t.Errorf("no %s in\n%s", line, full)
			}
		}
	}
}

func TestLive_TellsTheResolutionOfTheSegmentBeingWritten(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(5 * time.Second)
	resize(r)
	r.send(500 * time.Millisecond)
	if got := attribute(r.master(), "RESOLUTION"); got != "640x360" {
		t.Errorf("RESOLUTION is %s", got)
	}
}

func TestMultivariant_OmitsAnUnknownFrameRate(t *testing.T) {
	for rate, expected := range map[float64]string{0: "", 25: "25.000"} {
		text := string(Multivariant(Rendition{URI: "x", FrameRate: rate}))
		if got := attribute(text, "FRAME-RATE"); strings.TrimSpace(strings.Split(got, "\n")[0]) != expected {
			t.Errorf("for %v it is %q in\n%s", rate, got, text)
		}
	}
}

func TestParse_BoundsDurations(t *testing.T) {
	for text, valid := range map[string]bool{"0.00000": true, "-0.00001": false, "86399.9": true, "86400.00000": false, "NaN": false, "x": false} {
		if _, err := Parse([]byte("#EXTINF:" + text + ",\n0.mp4\n")); (err == nil) != valid {
			t.Errorf("a segment of %s seconds: %v", text, err)
		}
	}
}
