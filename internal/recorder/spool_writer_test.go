package recorder

import (
	"os"
	"testing"
)

// The spool of a recording is looked through when there is something to upload: 200 recordings
// that looked each 200 ms took more time than all else.
func TestSpoolWriter_SaysWhenThereIsSomethingToUpload(t *testing.T) {
	ready := 0
	w := &spoolWriter{spool: Spool(t.TempDir()), budget: &memoryBudget{}, ready: func() { ready++ }}
	for _, c := range []struct {
		name string
		want int
	}{{"high/init-0.mp4", 0}, {"high/0.mp4", 0}, {"high/playlist.m3u8", 1}, {"high/1.mp4", 1}, {"high/playlist.m3u8", 2}, {"multivariant.m3u8", 3}} {
		if err := w.put(c.name, []byte("x")); err != nil || ready != c.want {
			t.Errorf("after %s it was said %d times, expected %d: %v", c.name, ready, c.want, err)
		}
	}
	w.spool = Spool(os.DevNull)
	if err := w.put("high/2.mp4", nil); err == nil || ready != 4 {
		t.Errorf("after a segment that can not be written, what waits is not uploaded: %v", err)
	}
}
