package realtime_test

import (
	"testing"

	"rostrum/realtime"
)

func TestStage_ReportsQuality(t *testing.T) {
	s := newStageServer(t)
	alice, bob, silent := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{}), s.join("silent", realtime.Config{NoQualityReports: true})
	video := realtime.NewTrack(realtime.H264)
	_, err := alice.Publish(s.ctx, video)
	s.check(err)
	s.sendPictures(video)
	for _, receiver := range []*realtime.Stage{bob, silent} {
		_, got := s.subscribe(receiver, "alice")
		await(s, got.samples)
	}
	reported := map[string]bool{}
	for !reported["alice"] || !reported["bob"] {
		r := await(s, s.reports)
		switch {
		case r.of == "silent":
			t.Fatalf("got %+v of a participant that reports nothing", r)
		case r.of == "alice" && r.Sent != nil && r.Received == nil && r.Sent.Bitrate > 10_000 && r.Sent.FrameRate > 1 && r.Sent.Codec == "H264",
			r.of == "bob" && r.Sent == nil && r.Received != nil && r.Received.Bitrate > 10_000 && r.Received.FrameRate > 1 && r.Received.Height == 176:
			reported[r.of] = true
		}
	}
}
