package composition_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/worker"
)

// The test binary is the worker when it is called like one. The last two elements of its
// path are the UDP port that counts its processes and how it behaves: a worker has no
// environment and no files of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "compose" {
		if err := runFakeWorker(filepath.Base(filepath.Dir(os.Args[0])), filepath.Base(os.Args[0])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runFakeWorker does a job without media.
func runFakeWorker(counter, how string) error {
	first, err := countMe(counter)
	if err != nil {
		return err
	}
	if how == "refuses" {
		return fmt.Errorf("this worker refuses its job")
	}
	j, channel, err := worker.ReadJob(os.Stdin)
	if err != nil {
		return err
	}
	w := &fake{reports: worker.NewReportWriter(os.Stdout), job: j, publishers: 1}
	if how == "without publishers" {
		w.publishers = 0
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, channel.Buffered())
		_, _ = io.Copy(io.Discard, os.Stdin)
		if how != "ignores its input" {
			close(ended)
		}
	}()
	if err := w.begin(); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ended:
			return w.end("")
		}
		if n == 4 && (how == "crashes always" || how == "crashes once" && first) {
			fmt.Println("a line that is no report")
			os.Exit(3)
		}
		if n >= 4 && how == "hangs once" && first {
			select {}
		}
		if n == 4 && how == "finds the stage deleted" {
			return w.end(worker.StageDeleted)
		}
		if ended := w.push(how, n); ended {
			return w.end(worker.NoDestinations)
		}
		if n >= 4 && how == "stands still once" && first {
			w.beat(4)
			continue
		}
		if err := w.segment(); err != nil {
			return err
		}
		w.beat(n)
	}
}

// countMe reports this process to the harness, which says whether it is the first.
func countMe(port string) (first bool, err error) {
	conn, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, os.Getpid()); err != nil {
		return false, err
	}
	answer := make([]byte, 16)
	n, err := conn.Read(answer)
	return string(answer[:n]) == "0", err
}

type fake struct {
	reports    *worker.ReportWriter
	job        worker.Job
	publishers int
	list       hls.Playlist
}

func (w *fake) report(r worker.Report) {
	if w.reports.Write(r) != nil {
		os.Exit(4) // its owner is gone
	}
}

func (w *fake) beat(ticks int) {
	w.report(worker.Report{Kind: worker.Heartbeat, Health: &worker.Health{Publishers: w.publishers, Programs: []worker.ProgramHealth{{Ticks: int64(ticks), Late: 1}}}})
}

func (w *fake) destinations() []worker.Destination { return w.job.Programs[0].Destinations }

// push makes a worker lose its channel. It reports whether no destination is left.
func (w *fake) push(how string, n int) (ended bool) {
	if !strings.HasPrefix(how, "loses its channel") {
		return false
	}
	for _, d := range w.destinations() {
		if d.RTMP == nil {
			continue
		}
		switch n {
		case 4:
			w.report(worker.Report{Kind: worker.DestinationState, Destination: d.ID, State: worker.Reconnecting, Reason: "connection reset"})
		case 8:
			w.report(worker.Report{Kind: worker.DestinationState, Destination: d.ID, State: worker.Failed, Reason: "connection refused"})
			if ended = len(w.destinations()) == 1; ended && how == "loses its channel and crashes" {
				os.Exit(3)
			}
		}
	}
	return ended
}

// put writes a file for each destination that is a recording.
func (w *fake) put(name string, data []byte) error {
	for _, d := range w.destinations() {
		if d.HLS == nil {
			continue
		}
		if err := putFile(filepath.Join(d.HLS.Directory, filepath.FromSlash(w.folder(d)+name)), data); err != nil {
			return err
		}
		w.report(worker.Report{Kind: worker.File, Destination: d.ID, Name: w.folder(d) + name})
	}
	return nil
}

func putFile(at string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(at), 0o750)
	if err == nil {
		err = os.WriteFile(at+".new", data, 0o640)
	}
	if err == nil {
		err = os.Rename(at+".new", at)
	}
	if os.IsNotExist(err) || os.IsPermission(err) {
		return nil // the spool of a failed destination is removed
	}
	return err
}

func (w *fake) folder(d worker.Destination) string { return "media/hls/" + d.HLS.Rendition + "/" }

func (w *fake) reportState(s worker.State) {
	for _, d := range w.destinations() {
		w.report(worker.Report{Kind: worker.DestinationState, Destination: d.ID, State: s})
	}
}

func (w *fake) begin() error {
	w.report(worker.Report{Kind: worker.Log, Level: "INFO", Reason: "fake worker started"})
	w.report(worker.Report{Kind: worker.Ready})
	if first := w.destinations()[0]; first.HLS != nil {
		data, err := os.ReadFile(filepath.Join(first.HLS.Directory, filepath.FromSlash(w.folder(first)), "playlist.m3u8"))
		if err == nil {
			if w.list, err = hls.Parse(data); err != nil {
				return err
			}
			w.list.Ended = false
		}
	}
	if err := w.put("init-0.mp4", []byte("init")); err != nil {
		return err
	}
	w.reportState(worker.Active)
	return nil
}

func (w *fake) segment() error {
	name := fmt.Sprintf("%d.mp4", len(w.list.Segments))
	if err := w.put(name, make([]byte, 1000)); err != nil {
		return err
	}
	w.list.Segments = append(w.list.Segments, hls.Segment{Name: name, Duration: 50 * time.Millisecond, Begins: time.Now(), Init: "init-0.mp4"})
	return w.put("playlist.m3u8", w.list.Marshal())
}

func (w *fake) end(reason string) error {
	w.list.Ended = true
	if err := w.put("playlist.m3u8", w.list.Marshal()); err != nil {
		return err
	}
	w.reportState(worker.Stopped)
	w.report(worker.Report{Kind: worker.Ended, Reason: reason})
	return nil
}
