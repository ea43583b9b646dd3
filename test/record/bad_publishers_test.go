package record

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
)

const badLasts = 8 * time.Second

// A badPublisher sends what no browser does.
type badPublisher struct {
	lasts  time.Duration // how long it sends
	stamp  func(passed time.Duration) time.Duration
	videos []*testpattern.Video // of sizes that take turns each second; nil for one size
}

func badPublishers(t *testing.T) map[string]badPublisher {
	return map[string]badPublisher{
		"nothing":  {},
		"a moment": {lasts: 200 * time.Millisecond},
		"timestamps that jump each second": {lasts: badLasts, stamp: func(passed time.Duration) time.Duration {
			return passed + passed/time.Second%2*20*time.Hour
		}},
		"timestamps that run backwards": {lasts: badLasts, stamp: func(passed time.Duration) time.Duration { return time.Hour - passed }},
		"timestamps that stand still":   {lasts: badLasts, stamp: func(time.Duration) time.Duration { return time.Hour }},
		"timestamps of a day": {lasts: badLasts, stamp: func(passed time.Duration) time.Duration {
			return passed * time.Duration(24*time.Hour/badLasts)
		}},
		"timestamps that wrap": {lasts: badLasts, stamp: func(passed time.Duration) time.Duration {
			return passed + (1<<32/90_000)*time.Second - badLasts/2
		}},
		"sizes that change each second": {lasts: badLasts, videos: []*testpattern.Video{patternOf(t, 320, 180), patternOf(t, 640, 360), patternOf(t, 480, 272)}},
	}
}

func (b badPublisher) run(p *pattern) {
	current := 0
	play(b.lasts, func(passed time.Duration, now time.Time) {
		at := passed
		if b.stamp != nil {
			at = b.stamp(passed)
		}
		if second := int(passed / time.Second); b.videos != nil && second != current {
			current = second
			p.video, p.begun = b.videos[second%len(b.videos)], false
		}
		p.write(at, now)
	})
}

// Whatever they send, the recording lasts as long as they sent, can be decoded, and says the truth.
// The check of all recordings at the end of the test is a part of it.
func TestRecording_IsTrueOfBadPublishers(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	type recorded struct {
		badPublisher
		id   string
		took time.Duration
	}
	all := map[string]*recorded{}
	var running sync.WaitGroup
	for name, b := range badPublishers(t) {
		token, id := s.token()
		r := &recorded{badPublisher: b, id: id}
		all[name] = r
		p := publishPattern(t, token)
		running.Go(func() {
			began := time.Now()
			r.run(p)
			r.took = time.Since(began)
			if err := p.publication.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for name, r := range all {
		if r.lasts == badLasts {
			s.expectTrue(name, r.id, r.took)
			continue
		}
		s.eventually(name+" has ended", func() bool {
			return s.recorded(ivsrealtime.RecordingActive)+s.recorded(ivsrealtime.RecordingStopping) == 0
		})
		files, _ := filepath.Glob(filepath.Join(s.data, "buckets/*/*/*", r.id, "*/*/*"))
		if name == "nothing" && len(files) > 0 {
			t.Errorf("of a publisher that sent nothing there is %q", files)
		}
	}
}

// expectTrue checks the recording of a publisher that sent for a while.
func (s *studio) expectTrue(name, id string, took time.Duration) {
	s.t.Helper()
	p := s.await(id, ivsrealtime.RecordingStopped)
	list, err := hls.Parse(s.read(p, "media/hls/high/playlist.m3u8"))
	if err != nil || !list.Ended {
		s.t.Fatalf("%s: the playlist is %+v, %v", name, list, err)
	}
	const late = 5 * time.Second // the first keyframe, and the end, on a busy machine
	if d := list.Duration(); d < took-late || d > took+late {
		s.t.Errorf("%s: it lasts %v, and was sent for %v", name, d, took)
	}
	if _, err := os.Stat(filepath.Join(s.folder(p), "events/recording-ended.json")); err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
}
