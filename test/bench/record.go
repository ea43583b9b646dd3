package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/hls"
	"rostrum/internal/loadtest"
	"rostrum/internal/recording"
	"rostrum/realtime"
	"rostrum/test/marks"
	"rostrum/test/server"
)

// What is promised of recordings.
const (
	recordTarget    = 2 // s, of a segment
	recordReadable  = recordTarget + 1.
	recordMemory    = 4.  // MiB
	recordLatency   = 1.  // ms that it adds for viewers, p99
	recordRatio     = 0.5 // of the peer's CPU
	recordAlignment = 40. // ms
	recordStop      = 20. // s, from SIGTERM until all are closed
)

// measureRecord has participants publish 720p30 of 2.5 Mbit/s with a keyframe a second by
// WHIP, to a server that records them and to one that does not, and to a peer that records
// them where one is given.
func measureRecord(ctx context.Context, folder, binary string, b *bench) error {
	a := &arena{rostrum: binary, seconds: b.each, results: &results{Machine: machine()}}
	clip, err := loadtest.NewClip(loadtest.ClipConfig{GOP: 30})
	if err != nil {
		return err
	}
	for count := range strings.SplitSeq(b.records, ",") {
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		if err := a.recordAndCompare(ctx, folder, loadtest.Plan{Clip: clip}, n, b); err != nil {
			return err
		}
	}
	if err := a.align(ctx, filepath.Join(folder, "align")); err != nil {
		return err
	}
	a.results.print(os.Stdout)
	return a.results.save(b.save)
}

func (a *arena) recordAndCompare(ctx context.Context, folder string, plan loadtest.Plan, n int, b *bench) error {
	plain, err := a.record(ctx, filepath.Join(folder, fmt.Sprintf("plain-%d", n)), plan, n, false)
	if err != nil {
		return err
	}
	recorded, err := a.record(ctx, filepath.Join(folder, fmt.Sprintf("recorded-%d", n)), plan, n, true)
	if err != nil {
		return err
	}
	r, each := a.results, 100/float64(n)
	r.maxRate(fmt.Sprintf("%d recorded", n), "CPU of a participant", each*cores(recorded.load), 0, "% of a core",
		fmt.Sprintf("%.2f %% without recording", each*cores(plain.load)))
	r.maxRate("", "memory of a recording", (resident(recorded.load)-resident(plain.load))/float64(n), recordMemory, "MiB", "")
	r.maxRate("", "segment readable after it began, the latest", recorded.readable.Seconds(), recordReadable, "s", fmt.Sprintf("%d segments", recorded.segments))
	r.maxRate("", "added latency of viewers, p99", recorded.viewers.Latency.P99-plain.viewers.Latency.P99, recordLatency, "ms",
		fmt.Sprintf("%.1f ms without recording", plain.viewers.Latency.P99))
	r.maxRate("", "all closed after SIGTERM", recorded.stopped.Seconds(), recordStop, "s", fmt.Sprintf("%d recordings", n))
	r.atLeast("", "recordings without a problem", float64(recorded.sound), float64(n), "", strings.Join(recorded.problems, "; "))
	r.atLeast("", "pictures recorded", 100*recorded.pictures, 99.9, "% of 30 a second", fmt.Sprintf("%.0f packets dropped", recorded.dropped))
	if b.peerWHIP == "" {
		return nil
	}
	plan.PID = b.peerPID
	for i := range n {
		plan.Publish = append(plan.Publish, realtime.Endpoint{URL: strings.ReplaceAll(b.peerWHIP, "{n}", strconv.Itoa(i+1))})
	}
	peer, err := loadtest.Open(ctx, plan)
	if err != nil {
		return err
	}
	rep, err := peer.Measure(ctx, a.seconds)
	if err := errors.Join(err, peer.Close()); err != nil {
		return err
	}
	r.report(fmt.Sprintf("peer, %d recorded", n), rep)
	r.maxRate("", "CPU relative to the peer", cores(recorded.load)/cores(rep), recordRatio, "", fmt.Sprintf("the peer: %.2f %% of a core each", each*cores(rep)))
	return nil
}

func resident(r loadtest.Report) float64 {
	if r.Resident == nil {
		return 0
	}
	return *r.Resident
}

// recorded is what one measurement saw.
type recorded struct {
	load, viewers loadtest.Report // without viewers, and with one
	readable      time.Duration   // the longest from the beginning of a segment until a playlist listed it
	segments      int
	sound         int // recordings without a problem
	problems      []string
	pictures      float64       // of 30 a second
	dropped       float64       // packets
	stopped       time.Duration // after SIGTERM
}

func (a *arena) startRecorder(ctx context.Context, data string) (*server.Server, error) {
	return server.Start(ctx, a.rostrum, "--data-dir", data, "--access-key", accessKey, "--secret-key", secretKey, "--region", region,
		"--log-level", "warn", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0", "--limits", "open,requests=0,stage_publishers=100000")
}

// record measures n publishers, without viewers and then with one.
func (a *arena) record(ctx context.Context, data string, plan loadtest.Plan, n int, records bool) (m recorded, err error) {
	s, err := a.startRecorder(ctx, data)
	if err != nil {
		return m, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, s.Stop())
		}
	}()
	stage, err := loadtest.CreateStage(ctx, loadtest.Access{Endpoint: s.URL, Region: region, AccessKey: accessKey, SecretKey: secretKey}, n)
	if err == nil && records {
		err = stage.Record(ctx, "recordings", recordTarget)
	}
	if err == nil {
		err = stage.AddViewers(ctx, 1)
	}
	if err != nil {
		return m, err
	}
	stage.SetEndpoints(&plan)
	plan.PID = s.PID()
	err = a.loadRecorder(ctx, data, plan, &m, func() (err error) {
		if m.dropped, err = metric(ctx, s.URL+"/metrics", "rostrum_recording_dropped_packets_total"); err != nil {
			return err
		}
		stopped = true
		began := time.Now()
		err = s.StopWithin(time.Minute)
		m.stopped = time.Since(began)
		return err
	})
	if err != nil || !records {
		return m, err
	}
	a.results.report(fmt.Sprintf("%d publishers, recorded: %t", n, records), m.load)
	return m, m.inspect(ctx, filepath.Join(data, "buckets"))
}

// loadRecorder measures a plan while its playlists are watched, and then calls stop, which ends the
// server while all publish.
func (a *arena) loadRecorder(ctx context.Context, data string, plan loadtest.Plan, m *recorded, stop func() error) (err error) {
	load, err := loadtest.Open(ctx, plan)
	if err != nil {
		return err
	}
	defer func() { _ = load.Close() }() // the server has ended
	watching, unwatch := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { m.watch(watching, filepath.Join(data, "buckets")) })
	defer func() {
		unwatch()
		watcher.Wait()
	}()
	if m.load, err = load.Measure(ctx, a.seconds); err != nil {
		return err
	}
	if err := load.Join(ctx, 1, 0); err != nil {
		return err
	}
	if m.viewers, err = load.Measure(ctx, a.seconds); err != nil {
		return err
	}
	return stop()
}

// watch looks at playlists, until ctx ends, for when they list a segment.
func (m *recorded) watch(ctx context.Context, buckets string) {
	type seen struct {
		modified time.Time
		segments int
	}
	known := map[string]seen{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		lists, _ := filepath.Glob(filepath.Join(buckets, "*", "*", "*", "*", "*", "media", "hls", "high", "playlist.m3u8"))
		for _, name := range lists {
			info, err := os.Stat(name)
			if err != nil || info.ModTime().Equal(known[name].modified) {
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				continue
			}
			list, err := hls.Parse(data)
			if err != nil {
				continue
			}
			for _, g := range list.Segments[min(known[name].segments, len(list.Segments)):] {
				m.segments++
				m.readable = max(m.readable, info.ModTime().Sub(g.Begins))
			}
			known[name] = seen{info.ModTime(), len(list.Segments)}
		}
	}
}

// inspect verifies the recordings, and counts their pictures.
func (m *recorded) inspect(ctx context.Context, buckets string) error {
	all, err := recording.Find(ctx, bucket.OpenFolder(buckets), buckets, "")
	if err != nil {
		return err
	}
	pictures, expected := 0, 0.
	for _, r := range all {
		report, err := r.Verify(ctx)
		if err != nil {
			return err
		}
		if len(report.Problems) == 0 {
			m.sound++
		} else if len(m.problems) < 3 {
			m.problems = append(m.problems, report.Problems[0].String())
		}
		pictures += report.Pictures
		expected += float64(report.MediaMS) * 30 / 1000
	}
	if expected > 0 {
		m.pictures = float64(pictures) / expected
	}
	return nil
}

// metric reads a metric without labels.
func metric(ctx context.Context, url, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", url, name)
}

// align has two participants publish the test pattern, and measures how far their recordings
// are apart: pictures tell when they were drawn.
func (a *arena) align(ctx context.Context, data string) (err error) {
	s, err := a.startRecorder(ctx, data)
	if err != nil {
		return err
	}
	stage, err := loadtest.CreateStage(ctx, loadtest.Access{Endpoint: s.URL, Region: region, AccessKey: accessKey, SecretKey: secretKey}, 2)
	if err == nil {
		err = stage.Record(ctx, "recordings", recordTarget)
	}
	if err == nil {
		err = a.publishPatterns(ctx, stage)
	}
	if err := errors.Join(err, s.Stop()); err != nil {
		return err
	}
	all, err := recording.Find(ctx, bucket.OpenFolder(filepath.Join(data, "buckets")), data, "")
	if err != nil {
		return err
	}
	var late []time.Duration
	for i, r := range all {
		pictures, err := marks.Read(ctx, r, filepath.Join(data, fmt.Sprintf("%d.mp4", i)))
		if err != nil {
			return err
		}
		late = append(late, marks.Lateness(pictures))
	}
	if len(late) != 2 {
		return fmt.Errorf("%d participants were recorded, expected 2", len(late))
	}
	a.results.maxRate("2 participants", "apart in their recordings", float64((late[0]-late[1]).Abs().Microseconds())/1000, recordAlignment, "ms",
		fmt.Sprintf("pictures are dated %v and %v after they were drawn", late[0].Round(time.Millisecond), late[1].Round(time.Millisecond)))
	return nil
}

// publishPatterns has the publishers of a stage publish the test pattern for a while.
func (a *arena) publishPatterns(ctx context.Context, stage *loadtest.Stage) error {
	var publishing sync.WaitGroup
	errs := make([]error, len(stage.Publishers()))
	for i, token := range stage.Publishers() {
		publishing.Go(func() {
			cmd := exec.CommandContext(ctx, a.rostrum, "publish", "--token", token.Raw, "--size", "640x360", "--duration", a.seconds.String())
			if out, err := cmd.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("publish: %w\n%s", err, out)
			}
		})
	}
	publishing.Wait()
	return errors.Join(errs...)
}
