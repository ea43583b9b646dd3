package realtime_test

import (
	"testing"

	"rostrum/internal/stage"
	"rostrum/realtime"
	"rostrum/test/tcppath"
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

func TestStage_HasItsChangesRecorded(t *testing.T) {
	s := newStageServer(t)
	path := &tcppath.Path{}
	alice, bob := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{Client: path.Client(t)})
	video := realtime.NewTrack(realtime.H264)
	_, err := alice.Publish(s.ctx, video)
	s.check(err)
	s.sendPictures(video)
	_, got := s.subscribe(bob, "alice")
	await(s, got.samples)
	expect := func(kind stage.ChangeKind, publisherID string) {
		t.Helper()
		if c := await(s, s.changes); c.Kind != kind || c.PublisherID != publisherID || c.At.IsZero() {
			t.Errorf("expected a change of the kind %s about %q, got %+v", kind, publisherID, c)
		}
	}
	expect(stage.ChangeLayer, "alice")
	path.Cut()
	until[realtime.ConnectionLost](s, bob, nil)
	expect(stage.ChangeSocketLost, "")
	path.Mend()
	until[realtime.ConnectionRestored](s, bob, nil)
	expect(stage.ChangeReconnected, "")
}
