package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rostrum/ivsrealtime"
)

func TestThumbnails_ContinueAfterACrashOfTheWorker(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.ThumbnailConfiguration = thumbnailsEach(1)
	s := openWithMedia(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/thumbnails/high/2.jpg")
	s.killWorkers()
	s.awaitFile(p, "media/thumbnails/high/5.jpg")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	s.expectComplete(p)
}

// killWorkers kills the processes that the server started.
func (s *studio) killWorkers() {
	s.t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.running.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	killed := 0
	for _, list := range lists {
		data, _ := os.ReadFile(list) // the thread may be gone
		for _, child := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				s.t.Fatal(err)
			}
			if process, err := os.FindProcess(pid); err == nil && process.Kill() == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		s.t.Fatal("the server has no worker")
	}
}
