package hls

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reload requests the media playlist, and reports how long that took.
func (r *encoderRun) reload(number uint64, part int) (text string, took time.Duration, err error) {
	began := time.Now()
	b, err := r.live.Playlist(r.t.Context(), Reload{Blocks: true, Sequence: number, Part: part})
	return string(b), time.Since(began), err
}

func TestLive_AnswersWhatExistsAtOnceAndRefusesWhatIsTooFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, NewLive())
		r.send(60*time.Second + 500*time.Millisecond)
		list := r.list()
		first := uint64(list.MediaSequence)
		last := first + uint64(len(list.Segments)) - 1
		inLast := len(list.Segments[len(list.Segments)-1].Parts)
		for name, c := range map[string]struct {
			number uint64
			part   int
			err    error
		}{
			"long gone":                          {number: 3, part: -1},
			"just gone":                          {number: first - 1, part: 0},
			"the first":                          {number: first, part: -1},
			"the last":                           {number: last, part: -1},
			"a part of the first":                {number: first, part: 1},
			"a part past the end of the last":    {number: last, part: inLast},
			"the newest part":                    {number: last + 1, part: 1},
			"the next segment but one and later": {number: last + 3, part: -1, err: ErrTooFar},
			"far away":                           {number: last + 1000, part: 0, err: ErrTooFar},
			"parts that are far away":            {number: last + 1, part: 40, err: ErrTooFar},
		} {
			if _, took, err := r.reload(c.number, c.part); !errors.Is(err, c.err) || took != 0 {
				t.Errorf("%s: %v after %v, expected %v at once", name, err, took, c.err)
			}
		}
	})
}

func TestLive_HoldsRequestsForWhatComesNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, NewLive())
		r.send(10*time.Second + 500*time.Millisecond)
		list := r.list()
		next := uint64(list.MediaSequence + len(list.Segments))
		answers := make(chan string)
		for _, part := range []int{2, -1} {
			go func() {
				text, _, err := r.reload(next, part)
				if err != nil {
					t.Error(err)
				}
				answers <- text
			}()
		}
		synctest.Wait()
		r.send(200 * time.Millisecond)
		if text := <-answers; strings.Contains(text, uri(next)) {
			t.Error("the request for a segment was answered with a part")
		}
		r.send(2 * time.Second)
		if text := <-answers; !strings.Contains(text, uri(next)) {
			t.Error("the request for a segment was answered without it")
		}
		hint := attribute(tags(r.text(), "#EXT-X-PRELOAD-HINT")[0], "URI")
		go func() {
			b, err := r.live.File(t.Context(), hint)
			if err != nil {
				t.Error(err)
			}
			answers <- string(b)
		}()
		synctest.Wait()
		r.send(400 * time.Millisecond)
		if part := <-answers; part != string(r.file(hint)) || part == "" {
			t.Error("the hinted part is another one")
		}
	})
}

// GStreamer 1.22 (hlsdemux2) does not find the only segment of a playlist in the next one.
func TestLive_WaitsForASecondSegmentWhereOneIsTooFew(t *testing.T) {
	several := Reload{Part: -1, Several: true}
	for name, table := range map[string]struct {
		sent, then time.Duration
		stops      bool
		expected   int // segments
		waited     time.Duration
	}{
		"one segment, and a second":     {sent: 3 * time.Second, then: 2 * time.Second, expected: 2},
		"one segment, and nothing more": {sent: 3 * time.Second, expected: 1, waited: 4*time.Second + segmentTolerance},
		"an encoder that left":          {sent: time.Second, stops: true, expected: 1},
		"two segments":                  {sent: 5 * time.Second, expected: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRun(t, NewLive())
				r.send(table.sent)
				if table.stops {
					r.muxer.Close()
				}
				began := time.Now()
				answer := make(chan []byte)
				go func() {
					text, err := r.live.Playlist(t.Context(), several)
					if err != nil {
						t.Error(err)
					}
					answer <- text
				}()
				synctest.Wait()
				r.send(table.then)
				text := <-answer
				if n := len(tags(string(text), "#EXTINF")); n != table.expected || time.Since(began) != table.waited {
					t.Errorf("%d segments after %v", n, time.Since(began))
				}
			})
		})
	}
}

func TestLive_EndsTheRequestsOfClientsThatLeft(t *testing.T) {
	for name, request := range map[string]func(*encoderRun, context.Context) error{
		"a playlist": func(r *encoderRun, ctx context.Context) error {
			list := r.list()
			_, err := r.live.Playlist(ctx, Reload{Blocks: true, Sequence: uint64(list.MediaSequence + len(list.Segments)), Part: -1})
			return err
		},
		"the hinted part": func(r *encoderRun, ctx context.Context) error {
			_, err := r.live.File(ctx, attribute(tags(r.text(), "#EXT-X-PRELOAD-HINT")[0], "URI"))
			return err
		},
		"a stream that has not begun": func(_ *encoderRun, ctx context.Context) error {
			_, err := NewLive().Multivariant(ctx, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRun(t, NewLive())
				r.send(10*time.Second + 500*time.Millisecond)
				ctx, leave := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- request(r, ctx) }()
				synctest.Wait()
				began := time.Now()
				leave()
				if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(began) != 0 {
					t.Errorf("it ends after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestLive_AnswersRequestsWithinThreeTargetDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, NewLive())
		began := time.Now()
		if _, err := r.live.Multivariant(t.Context(), ""); !errors.Is(err, ErrNoMedia) || time.Since(began) > 5*time.Second {
			t.Errorf("before the first segment: %v after %v", err, time.Since(began))
		}
		r.send(10*time.Second + 500*time.Millisecond)
		list := r.list()
		next := uint64(list.MediaSequence + len(list.Segments))
		if _, took, err := r.reload(next, -1); !errors.Is(err, ErrNotYet) || took != 6*time.Second {
			t.Errorf("an encoder that sends nothing: %v after %v", err, took)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		began = time.Now()
		if _, err := r.live.Playlist(ctx, Reload{Blocks: true, Sequence: next, Part: -1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("a client that left: %v after %v", err, time.Since(began))
		}
	})
}

// VLC 3.0 takes the first initialization section of a playlist, and no other.
func TestLive_GivesEachWholeSegmentItsInitializationSection(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(5 * time.Second)
	resize(r)
	r.send(5 * time.Second)
	b, err := r.live.Playlist(t.Context(), Reload{Part: -1, Whole: true})
	r.check(err)
	if strings.Contains(string(b), "#EXT-X-MAP") {
		t.Errorf("whole segments have another initialization section:\n%s", b)
	}
	usual, whole := r.list().Segments, parseMedia(t, string(b)).Segments
	if len(whole) != len(usual) || len(whole) < 4 {
		t.Fatalf("%d whole segments of %d", len(whole), len(usual))
	}
	sections := tags(r.text(), "#EXT-X-MAP")
	for i, s := range whole {
		var n uint64
		if i > 0 && s.Discontinuity {
			sections = sections[1:]
		}
		if s.Discontinuity != usual[i].Discontinuity || !parse(s.URI, wholeName, &n) || usual[i].URI != uri(n) {
			t.Errorf("segment %d is %s, discontinuity %v; it is %s, %v to others", i, s.URI, s.Discontinuity, usual[i].URI, usual[i].Discontinuity)
			continue
		}
		if expected := slices.Concat(r.file(attribute(sections[0], "URI")), r.file(usual[i].URI)); !bytes.Equal(r.file(s.URI), expected) {
			t.Errorf("segment %d does not begin with the initialization section of its period", i)
		}
	}
	if len(sections) != 1 {
		t.Errorf("%d periods follow the last segment", len(sections)-1)
	}
}

func TestLive_CountsDiscontinuitiesThatLeftTheList(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(5 * time.Second)
	first := r.list()
	for range 3 {
		r.jump(time.Minute, true)
		r.send(5 * time.Second)
	}
	r.send(80 * time.Second)
	last := r.list()
	if *last.DiscontinuitySequence != *first.DiscontinuitySequence+3 {
		t.Errorf("DISCONTINUITY-SEQUENCE went from %d to %d", *first.DiscontinuitySequence, *last.DiscontinuitySequence)
	}
}

func TestLive_TellsTheEndAndContinuesAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := NewLive()
		r := newRun(t, live)
		r.send(9*time.Second + 500*time.Millisecond)
		before := r.list()
		next := uint64(before.MediaSequence + len(before.Segments))
		answered := make(chan error, 1)
		go func() {
			_, _, err := r.reload(next, 12)
			answered <- err
		}()
		synctest.Wait()
		r.check(r.muxer.Close())
		if err := <-answered; err != nil {
			t.Errorf("at the end a request is answered by %v", err)
		}
		if text := r.text(); strings.Contains(text, "ENDLIST") || strings.Contains(text, "PRELOAD-HINT") || !strings.Contains(text, uri(next)) {
			t.Errorf("when the encoder is gone the list is\n%s", text)
		}
		if _, took, err := r.reload(next+1, 0); err != nil || took != 2*time.Second {
			t.Errorf("while there is no encoder a request is answered after %v: %v", took, err)
		}
		live.End()
		if text, took, err := r.reload(next+1, 0); err != nil || took != 0 || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
			t.Errorf("after the end a request is answered after %v: %v\n%s", took, err, text)
		}
		again := newRun(t, live)
		again.send(4 * time.Second)
		again.verify()
		list := again.list()
		if list.MediaSequence != before.MediaSequence || list.Endlist || len(list.Segments) != len(before.Segments)+2 {
			t.Errorf("after a restart there are %d segments from %d on, ended %v", len(list.Segments), list.MediaSequence, list.Endlist)
		}
		if got := strings.Count(again.text(), "#EXT-X-DISCONTINUITY\n"); got != 1 {
			t.Errorf("there are %d discontinuities", got)
		}
		if list.TargetDuration != before.TargetDuration {
			t.Errorf("TARGETDURATION became %d", list.TargetDuration)
		}
	})
}

// A crash of the process forgets the numbers.
func TestLive_NumbersGrowAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(epoch.AddDate(7, 0, 0)))
		r := newRun(t, NewLive())
		r.gop = 25
		for range 60 {
			r.send(time.Second)
			time.Sleep(time.Second)
		}
		before, hint := r.list(), tags(r.text(), "#EXT-X-PRELOAD-HINT")[0]
		time.Sleep(time.Second)
		again := newRun(t, NewLive())
		again.send(5 * time.Second)
		after := again.list()
		if after.MediaSequence < before.MediaSequence+len(before.Segments) || *after.DiscontinuitySequence < *before.DiscontinuitySequence {
			t.Errorf("numbers went from %d to %d", before.MediaSequence, after.MediaSequence)
		}
		if old, now := r.fragments(before.Segments[0].URI)[0].Tracks[0].BaseTime, again.fragments(after.Segments[0].URI)[0].Tracks[0].BaseTime; now <= old {
			t.Errorf("media times went from %d to %d", old, now)
		}
		if *after.DiscontinuitySequence > 10_000 {
			t.Errorf("DISCONTINUITY-SEQUENCE is %d: hls.js loops so often", *after.DiscontinuitySequence)
		}
		if strings.Contains(again.text(), attribute(hint, "URI")) {
			t.Error("names of parts are used again")
		}
	})
}

func TestLive_KeepsWhatLeftTheListForAWhile(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(40 * time.Second)
	old := r.list().Segments[0].URI
	r.send(14 * time.Second)
	if strings.Contains(r.text(), old) {
		t.Fatal("the list never gets shorter")
	}
	if len(r.file(old)) == 0 {
		t.Error("what left the list is gone")
	}
	r.send(2 * time.Minute)
	if _, err := r.live.File(t.Context(), old); !errors.Is(err, ErrNoFile) {
		t.Errorf("an old segment is never forgotten: %v", err)
	}
	for _, name := range []string{"", "segment.mp4", "segment-1.mp4", "segment1.mp4x", "part18446744073709551615.mp4", "init0.mp4", "../x"} {
		if _, err := r.live.File(t.Context(), name); !errors.Is(err, ErrNoFile) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
