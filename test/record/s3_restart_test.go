package record

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

// While S3 is away the server is killed and started again. What was recorded waits in the spool,
// and is uploaded once S3 is back.
func TestS3_AwayAcrossARestart(t *testing.T) {
	t.Parallel()
	at := openS3(t)
	proxy, endpoint := openProxy(t, at)
	s := &studio{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data"), args: []string{"--s3-endpoint", endpoint}}
	s.begin()
	at.createBucket("away")
	s.createStage("away", configuration())
	token, id := s.token()
	stop := s.publish(token, "--size", "320x180", "--fps", "10", "--rejoin", "0")
	p := s.await(id, ivsrealtime.RecordingActive)
	get := func(name string) []byte {
		return at.get("away", path.Join(p.RecordingS3Prefix, "media/hls/high", name))
	}
	s.eventually("the first segment is in S3", func() bool { return get("0.mp4") != nil })

	proxy.inject("away", status(503, "SlowDown", func(int, string) bool { return true }))
	spooled := func() (names []string) {
		files, _ := filepath.Glob(filepath.Join(s.data, "participant-spool/*/*/files/media/hls/high/[0-9]*.mp4"))
		for _, f := range files {
			names = append(names, filepath.Base(f))
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }) // as they were recorded
		return names
	}
	s.eventually("segments wait in the spool", func() bool { return len(spooled()) >= 2 })
	s.running.Kill()
	stop()
	waited := spooled()
	s.serve()
	s.eventually("the next server tries to upload them", func() bool { return strings.Contains(s.running.Output(), "upload the recording") })
	if now := s.await(id, ivsrealtime.RecordingStopping); get(waited[0]) != nil || len(spooled()) < len(waited) {
		t.Errorf("while S3 is away the recording is %s; %q waited, and %q wait", now.RecordingState, waited, spooled())
	}
	proxy.inject("away", nil)
	s.await(id, ivsrealtime.RecordingStopped)
	list, err := hls.Parse(get("playlist.m3u8"))
	if err != nil || !list.Ended {
		t.Fatalf("the playlist is %+v, %v", list, err)
	}
	listed := map[string]bool{}
	for _, g := range list.Segments {
		if listed[g.Name] = true; get(g.Name) == nil || get(g.Init) == nil {
			t.Errorf("the playlist lists %s, which is not there", g.Name)
		}
	}
	for _, name := range waited[:len(waited)-1] { // the playlist may have been killed before it listed the last
		if !listed[name] {
			t.Errorf("%s, which waited, is not listed: %+v", name, list.Segments)
		}
	}
	if left := spooled(); len(left) > 0 {
		t.Errorf("%q are left in the spool", left)
	}
	s.verify("--s3-endpoint", endpoint, "away")
}
