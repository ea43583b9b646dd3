package hls

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// apply is a playlist that a client has, with a delta update of it.
func apply(t *testing.T, had, update string) (entries []string) {
	t.Helper()
	skipped := 0
	for _, v := range tags(update, "#EXT-X-SKIP:SKIPPED-SEGMENTS=") {
		for _, digit := range v {
			skipped = 10*skipped + int(digit-'0')
		}
	}
	if skipped == 0 {
		t.Fatalf("nothing is skipped in\n%s", update)
	}
	old, first := segmentsOf(had), tags(had, "#EXT-X-MEDIA-SEQUENCE")[0]
	if tags(update, "#EXT-X-MEDIA-SEQUENCE")[0] != first {
		t.Fatalf("the update begins elsewhere than the list")
	}
	return append(old[:skipped:skipped], segmentsOf(update)...)
}

// segmentsOf are the complete segments of a playlist, with their tags but the parts.
func segmentsOf(text string) (all []string) {
	_, text, _ = strings.Cut(text, "#EXT-X-DISCONTINUITY-SEQUENCE")
	lines := strings.Split(text, "\n")[1:]
	entry := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "#EXT-X-PART") || strings.HasPrefix(line, "#EXT-X-SKIP") || strings.HasPrefix(line, "#EXT-X-INDEPENDENT") {
			continue
		}
		entry += line + "\n"
		if strings.HasPrefix(line, "segment") {
			all, entry = append(all, entry), ""
		}
	}
	return all
}

func TestLive_DeltaUpdatesCompleteAListAcrossDiscontinuities(t *testing.T) {
	for skippedBreak := range 8 { // where the discontinuity is in the list
		r := newRun(t, NewLive())
		r.send(time.Duration(10+2*skippedBreak)*time.Second - 800*time.Millisecond)
		r.jump(8*time.Second, true)
		r.send(time.Duration(16-2*skippedBreak)*time.Second + 500*time.Millisecond)
		full := r.text()
		delta, err := r.live.Playlist(t.Context(), Reload{Skip: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := apply(t, full, string(delta)); !slices.Equal(got, segmentsOf(full)) {
			t.Errorf("the update\n%s\ndoes not complete the list\n%s", delta, full)
		}
		if d, f := tags(string(delta), "#EXT-X-DISCONTINUITY-SEQUENCE"), tags(full, "#EXT-X-DISCONTINUITY-SEQUENCE"); !slices.Equal(d, f) {
			t.Errorf("DISCONTINUITY-SEQUENCE is %v in the update, %v in the list", d, f)
		}
		kept := parseMedia(t, full).Segments
		age := time.Duration(0)
		for i := len(kept) - 1; i >= 0 && strings.Contains(string(delta), kept[i].URI); i-- {
			age += kept[i].Duration
		}
		if age < 12*time.Second {
			t.Errorf("the update has the last %v, CAN-SKIP-UNTIL is 12 s", age)
		}
	}
}

// A player that was offline asks for the update of a list that it has not.
func TestLive_SkipsOnlyWhatAClientKnows(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(30*time.Second + 500*time.Millisecond)
	first := uint64(r.list().MediaSequence)
	for _, c := range []struct{ asked, skipped uint64 }{{first + 20, 0}, {first + 15, 9}, {first + 9, 9}, {first + 4, 4}, {first, 0}} {
		b, err := r.live.Playlist(t.Context(), Reload{Blocks: true, Sequence: c.asked, Part: 0, Skip: true})
		if c.asked > first+17 {
			if !errors.Is(err, ErrTooFar) {
				t.Errorf("segment %d: %v", c.asked-first, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := tags(string(b), "#EXT-X-SKIP:SKIPPED-SEGMENTS="); c.skipped == 0 && got != nil || c.skipped > 0 && !slices.Equal(got, []string{strconv.FormatUint(c.skipped, 10)}) {
			t.Errorf("for segment %d it skips %v, expected %d", c.asked-first, got, c.skipped)
		}
	}
}
