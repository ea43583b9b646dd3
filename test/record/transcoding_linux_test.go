package record

import (
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

// A worker that dies costs pictures until the next keyframe. Audio, and the recording, go on.
func TestTranscoding_ContinuesAfterACrashOfTheWorker(t *testing.T) {
	t.Parallel()
	clip := flashClip(t, "640x360", 8)
	s := openWithMedia(t, configuration())
	token, id := s.token()
	began := time.Now()
	stop := s.publishClip(token, clip)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/1.mp4")
	s.killWorkers()
	s.awaitFile(p, "media/hls/high/6.mp4")
	s.killWorkers()
	s.awaitFile(p, "media/hls/high/11.mp4")
	stop()
	took := time.Since(began)
	p = s.await(id, ivsrealtime.RecordingStopped)
	list := s.expectComplete(p)
	if d := list.Duration(); d < 20*time.Second || d > took {
		t.Errorf("it lasts %v of %v", d, took)
	}
	s.probe(p)
	s.expectAligned(p, 5)
}
