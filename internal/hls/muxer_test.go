package hls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMuxer_WritesPartsOfOneLength(t *testing.T) {
	for _, fps := range []float64{24, 25, 30_000. / 1001, 30, 60, 15, 2} {
		r := newRun(t, NewLive())
		r.fps, r.gop = fps, int(2*fps+.5)
		r.muxer.videoFormat.track.frameRate = fps // as the parameter sets of such a stream say
		r.send(20 * time.Second)
		r.verify()
		list := r.list()
		if list.TargetDuration != 2 {
			t.Errorf("at %.2f a second TARGETDURATION is %d", fps, list.TargetDuration)
		}
		for _, s := range list.Segments {
			for n, p := range s.Parts {
				if n < len(s.Parts)-1 && p.Duration.Seconds() < .85*list.PartInf.PartTarget.Seconds() {
					t.Errorf("at %.2f a second a part lasts %v of %v", fps, p.Duration, list.PartInf.PartTarget)
				}
			}
		}
		if hold := list.ServerControl.PartHoldBack; *hold < 3*list.PartInf.PartTarget {
			t.Errorf("PART-HOLD-BACK is %v for parts of %v", *hold, list.PartInf.PartTarget)
		}
	}
}

func TestMuxer_KeepsTheOrderOfPresentation(t *testing.T) {
	r := newRun(t, NewLive())
	r.bframes = true
	r.send(5 * time.Second)
	r.verify()
	for n, s := range r.fragments(r.list().Segments[0].URI)[0].Tracks[0].Samples[:4] {
		if want := int32([]int{2, 3, 0, 0}[n] * 3600); s.PTSOffset != want {
			t.Errorf("picture %d is shown %d after its decoding, expected %d", n, s.PTSOffset, want)
		}
	}
}

// Whatever is missing or jumps, the durations that players rely on stay, and the picture
// goes on with a keyframe after a discontinuity.
func TestMuxer_ContinuesAfterWhatJumps(t *testing.T) {
	for name, c := range map[string]struct {
		by       time.Duration
		keyframe bool
		also     func(*encoderRun)
	}{
		"8 s are missing, up to a keyframe":     {by: 8 * time.Second, keyframe: true},
		"8 s are missing, amid a group":         {by: 8 * time.Second},
		"timestamps jump ahead":                 {by: 20 * time.Minute, keyframe: true},
		"timestamps jump back":                  {by: -5 * time.Second},
		"timestamps jump back by a little":      {by: -500 * time.Millisecond, keyframe: true},
		"timestamps jump back before the start": {by: -time.Hour, keyframe: true},
		"another resolution":                    {also: func(r *encoderRun) { r.configure(640, 360); r.n = 0 }},
		"another audio":                         {also: func(r *encoderRun) { r.check(r.muxer.SetAudio([]byte{0x12, 0x10})); r.n = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, NewLive())
			r.send(6*time.Second + 400*time.Millisecond)
			before := r.list()
			if c.also != nil {
				c.also(r)
			}
			r.jump(c.by, c.keyframe)
			r.send(6 * time.Second)
			r.verify()
			after := r.list()
			if after.TargetDuration != before.TargetDuration || after.PartInf.PartTarget != before.PartInf.PartTarget {
				t.Errorf("TARGETDURATION %d became %d, PART-TARGET %v became %v", before.TargetDuration, after.TargetDuration, before.PartInf.PartTarget, after.PartInf.PartTarget)
			}
			if got := strings.Count(r.text(), "#EXT-X-DISCONTINUITY\n"); got != 1 {
				t.Errorf("there are %d discontinuities in\n%s", got, r.text())
			}
			if got := len(tags(r.text(), "#EXT-X-MAP")); got != 2 {
				t.Errorf("there are %d initialization sections", got)
			}
			last := time.Time{}
			for i, s := range after.Segments {
				if s.DateTime.Before(last) {
					t.Errorf("segment %d begins at %v, the one before ended at %v", i, s.DateTime, last)
				}
				last = s.DateTime.Add(s.Duration - time.Millisecond)
			}
		})
	}
}

func TestMuxer_PlaysOnAcrossShortPauses(t *testing.T) {
	for name, pause := range map[string]func(*encoderRun){
		"of both media": func(r *encoderRun) { r.jump(time.Second, false) },
		"of video":      func(r *encoderRun) { r.noVideo = true; r.send(1200 * time.Millisecond); r.noVideo = false },
		"of audio":      func(r *encoderRun) { r.noAudio = true; r.send(10 * time.Second); r.noAudio, r.sound = false, r.at },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, NewLive())
			r.send(5 * time.Second)
			pause(r)
			r.send(5 * time.Second)
			r.verify()
			if text := r.text(); strings.Contains(text, "#EXT-X-DISCONTINUITY\n") {
				t.Errorf("there is a discontinuity in\n%s", text)
			}
		})
	}
}

func TestMuxer_RefusesStreamsThatNobodyCanBeginToWatch(t *testing.T) {
	for _, begun := range []time.Duration{0, 6 * time.Second} {
		r := newRun(t, NewLive())
		r.send(begun)
		if begun > 0 {
			r.n = 1
		}
		r.gop = 1 << 30
		before := r.at
		err := r.trySend(time.Minute)
		if !errors.Is(err, ErrNoKeyframe) || !strings.Contains(err.Error(), "keyframe interval") {
			t.Errorf("without keyframes: %v", err)
		}
		if waited := r.at - before; waited < maxKeyframeInterval-2*time.Second || waited > maxKeyframeInterval+2*time.Second {
			t.Errorf("it was refused after %v", waited)
		}
	}
}

func TestMuxer_SplitsLongGroupsOfPictures(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(4 * time.Second)
	r.n, r.gop = 1, 250
	r.send(22 * time.Second)
	r.verify()
	if text := r.text(); strings.Contains(text, "INDEPENDENT-SEGMENTS") {
		t.Errorf("segments without a keyframe are called independent:\n%s", text)
	}
}

func TestMuxer_AddsAudioThatComesLate(t *testing.T) {
	for name, config := range map[string][]byte{"of the usual kind": stereo48k, "of 44.1 kHz": {0x12, 0x10}, "of one channel": {0x11, 0x88}} {
		t.Run(name, func(t *testing.T) {
			live := NewLive()
			r := &encoderRun{t: t, live: live, muxer: NewMuxer(live), fps: 25, gop: 50, size: 1000, noAudio: true}
			r.configure(320, 180)
			r.send(10 * time.Second)
			if got := attribute(r.master(), "CODECS"); !strings.HasSuffix(got, ",mp4a.40.2") {
				t.Errorf("a stream that is silent yet has codecs %s", got)
			}
			r.check(r.muxer.SetAudio(config))
			r.noAudio, r.sound = false, r.at
			r.send(8 * time.Second)
			list := r.list()
			parts := r.fragments(list.Segments[len(list.Segments)-1].URI)
			if tracks := parts[1].Tracks; len(tracks) != 2 || string(tracks[1].Samples[0].Payload) != "\x21\x01\x02\x03" {
				t.Errorf("the last segment has no audio of the encoder: %d tracks", len(tracks))
			}
		})
	}
}

func TestMuxer_WritesAudioAlone(t *testing.T) {
	live := NewLive()
	r := &encoderRun{t: t, live: live, muxer: NewMuxer(live), fps: 25, gop: 50, size: 1000, noVideo: true}
	r.check(r.muxer.SetAudio(stereo48k))
	r.send(20 * time.Second)
	if got := r.master(); attribute(got, "CODECS") != "mp4a.40.2" || strings.Contains(got, "RESOLUTION") {
		t.Errorf("the stream is %s", got)
	}
	list := r.list()
	if n := len(list.Segments); n < 6 {
		t.Errorf("there are %d segments", n)
	}
	for i, s := range list.Segments {
		r.verifyParts(i, s, list)
	}
	r.noVideo, r.n = false, 0 // video after all
	r.configure(320, 180)
	r.send(6 * time.Second)
	r.verify()
	if got := r.master(); attribute(got, "CODECS") != "avc1.42c00c,mp4a.40.2" && !strings.HasPrefix(attribute(got, "CODECS"), "avc1.") {
		t.Errorf("with video the stream is %s", got)
	}
}

// Audio that comes late by a constant time is silent until the muxer knows it.
func TestMuxer_WaitsForLateAudio(t *testing.T) {
	for _, lag := range []time.Duration{100 * time.Millisecond, 800 * time.Millisecond, 1500 * time.Millisecond} {
		r := newRun(t, NewLive())
		r.audioLag = lag
		r.send(30 * time.Second)
		r.verify()
		list := r.list()
		for _, p := range r.fragments(list.Segments[len(list.Segments)-1].URI) {
			for _, s := range p.Tracks[1].Samples {
				if len(s.Payload) != 4 {
					t.Fatalf("audio that lags by %v is replaced by silence", lag)
				}
			}
		}
	}
}

func TestMuxer_FollowsAudioTimestampsThatJumpForGood(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(4 * time.Second)
	r.sound += time.Hour // of audio alone
	r.audioLag = -time.Hour
	r.send(10 * time.Second)
	r.verify()
	list := r.list()
	parts := r.fragments(list.Segments[len(list.Segments)-1].URI)
	if got := parts[2].Tracks[1].Samples[0].Payload; len(got) != 4 {
		t.Error("the audio is silent")
	}
}

func TestMuxer_TellsBandwidthOfVideoAndAudio(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(10 * time.Second)
	r.size = 4000 // of a picture: a peak
	r.send(4 * time.Second)
	r.size = 1000
	r.send(6 * time.Second)
	told, err := strconv.ParseFloat(attribute(r.master(), "BANDWIDTH"), 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.list().Segments {
		if rate := float64(8*len(r.file(s.URI))) / s.Duration.Seconds(); rate > told {
			t.Errorf("BANDWIDTH is %.0f, a segment has %.0f", told, rate)
		}
	}
}

func TestMuxer_TellsTheResolutionAfterAChange(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(5 * time.Second)
	if got := attribute(r.master(), "RESOLUTION"); got != "320x180" {
		t.Errorf("RESOLUTION is %s", got)
	}
	// Encoders may send the new parameter sets with the keyframe alone.
	sps, pps := parameterSets(t, 640, 360)
	r.check(r.muxer.Video(r.at, r.at, true, [][]byte{sps, pps, {0x65, 1}}))
	r.n, r.at = 1, r.at+40*time.Millisecond
	r.send(4 * time.Second)
	if got := attribute(r.master(), "RESOLUTION"); got != "640x360" {
		t.Errorf("after the change RESOLUTION is %s", got)
	}
	for _, s := range r.fragments(r.list().Segments[len(r.list().Segments)-1].URI)[0].Tracks[0].Samples {
		if kind := s.Payload[4] & 0x1f; kind == 7 || kind == 8 {
			t.Error("parameter sets are in the samples")
		}
	}
}

// FFmpeg, and players with it, never read a second initialization section.
func TestMuxer_BeginsPeriodsWithParameterSets(t *testing.T) {
	r := newRun(t, NewLive())
	r.send(5 * time.Second)
	resize(r)
	r.send(5 * time.Second)
	hole(r)
	r.send(5 * time.Second)
	periods := 0
	for i, s := range r.list().Segments {
		kinds := ""
		for data := r.fragments(s.URI)[0].Tracks[0].Samples[0].Payload; len(data) > 4; {
			kinds += fmt.Sprint(data[4]&0x1f, " ")
			data = data[4+binary.BigEndian.Uint32(data):]
		}
		expected := "5 "
		if i == 0 || s.Discontinuity {
			expected = "7 8 5 "
			periods++
		}
		if kinds != expected {
			t.Errorf("segment %d begins with NAL units of types %s, expected %s", i, kinds, expected)
		}
	}
	if periods != 3 {
		t.Errorf("%d periods, expected 3", periods)
	}
}

func TestMuxer_BoundsItsMemory(t *testing.T) {
	live := NewLive()
	r := newRun(t, live)
	r.size = 1 << 18
	r.send(30 * time.Second)
	if live.bytes > maxLiveBytes {
		t.Errorf("segments have %d bytes", live.bytes)
	}
	r.size, r.gop = 1<<20, 1<<30
	if err := newMuxerOf(r).trySend(10 * time.Second); err == nil {
		t.Error("25 MB a second without a keyframe are taken")
	}
	// Pictures that do not take any time.
	r = newRun(t, NewLive())
	var err error
	for n := 0; n < 1_000_000 && err == nil; n++ {
		err = r.muxer.Video(0, 0, n == 0, [][]byte{{0x41}})
	}
	if err == nil {
		t.Error("a million pictures of the same time are taken")
	}
}

// newMuxerOf is a run with a new muxer for a new stream.
func newMuxerOf(r *encoderRun) *encoderRun {
	next := newRun(r.t, NewLive())
	next.size, next.gop = r.size, r.gop
	return next
}

func TestAAC_NamesTheTypeThatPlayersNeed(t *testing.T) {
	for want, config := range map[string][]byte{
		"mp4a.40.2":  {0x11, 0x90},
		"mp4a.40.5":  {0x2b, 0x09, 0x88, 0x00},
		"mp4a.40.29": {0xeb, 0x09, 0x88, 0x00},
	} {
		track, err := AAC(config)
		if err != nil || track.Name != want {
			t.Errorf("%x is %s, %v; expected %s", config, track.Name, err, want)
		}
	}
}
