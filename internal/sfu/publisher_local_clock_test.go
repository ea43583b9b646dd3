package sfu

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The clock of an encoder drifts and its network is uneven. For longer than a day the reports
// about audio and video map the same time to the same moment, within 20 ms, and that moment is
// about when it came.
func TestLocalSource_KeepsAudioAndVideoTogetherWhileClocksDrift(t *testing.T) {
	const videoRate, audioRate, frame = 90_000, 48_000, 20 * time.Millisecond
	for _, ppm := range []time.Duration{-300, 0, 300} {
		random := rand.New(rand.NewPCG(1, 2))
		o := &localSource{}
		var video, audio timeline
		arrived := time.Duration(0)
		for n := range 30 * time.Hour / frame {
			at := n * frame
			now := at + at/1_000_000*ppm + time.Duration(random.Int64N(int64(80*time.Millisecond)))
			if since := n % 50_000; since >= 25_000 && since < 25_050 { // a second without network, about every 17 minutes
				now += time.Second - (since-25_000)*frame
			}
			arrived = max(arrived, now) // in order
			report := func(rate int64) timeline {
				moment := o.follow(arrived, at)
				return timeline{unixNano: int64(moment), timestamp: rtpTimestamp(at, rate), arrivedAt: moment, clockRate: rate}
			}
			audio = report(audioRate)
			if n%2 == 0 {
				video = report(videoRate)
			}
			shown, heard := video.captureTime(rtpTimestamp(at, videoRate)), audio.captureTime(rtpTimestamp(at, audioRate))
			if d := time.Duration(shown - heard); d < -20*time.Millisecond || d > 20*time.Millisecond {
				t.Fatalf("%d ppm: after %v audio and video are %v apart", ppm, at, d)
			}
			if d := arrived - time.Duration(heard); d < -200*time.Millisecond || d > 1200*time.Millisecond {
				t.Fatalf("%d ppm: after %v audio is mapped to %v before it came", ppm, at, d)
			}
		}
	}
}
