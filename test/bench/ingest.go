package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/loadtest"
	"rostrum/realtime"
	"rostrum/test/server"
)

// What is promised of encoders.
const (
	ingestPicture = 700. // ms, p95
	ingestVideo   = 30.  // ms, p95
	ingestAudio   = 80.
	ingestShare   = 2.  // % of a core
	ingestRatio   = 0.7 // of MediaMTX's
	ingestStarts  = 20  // that the first picture is measured by
)

// measureIngest has encoders send 720p30 of 2.5 Mbit/s with a keyframe a second, and AAC, to
// a server, and a viewer subscribe to each of them. MediaMTX forwards no AAC to viewers, so
// it transcodes nothing. Nothing is pinned: the transcoder needs a processor too.
func measureIngest(ctx context.Context, folder, binary string, b *bench) error {
	if err := server.BuildMedia(ctx, folder); err != nil {
		return err
	}
	a := &arena{rostrum: binary, seconds: b.each, results: &results{Machine: machine()}}
	clip, err := loadtest.NewClip(loadtest.ClipConfig{GOP: 30})
	if err != nil {
		return err
	}
	speech, err := loadtest.NewSpeech(ctx)
	if err != nil {
		return fmt.Errorf("encode AAC: %w", err)
	}
	other := os.Getenv("MEDIAMTX")
	for count := range strings.SplitSeq(b.ingests, ",") {
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		plan := loadtest.Plan{Clip: clip, Speech: speech}
		ours, err := a.ingest(ctx, plan, n)
		if err != nil {
			return err
		}
		if other == "" {
			continue
		}
		theirs, err := a.ingestOther(ctx, other, plan, n)
		if err != nil {
			return err
		}
		a.results.maxRate("", "CPU relative to MediaMTX, which forwards no audio", cores(ours)/cores(theirs), ingestRatio, "", "")
	}
	a.results.print(os.Stdout)
	return a.results.save(b.save)
}

func (a *arena) ingest(ctx context.Context, plan loadtest.Plan, n int) (rep loadtest.Report, err error) {
	s, err := server.Start(ctx, a.rostrum, "--ephemeral", "--log-level", "warn", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0", "--limits", "open,requests=0")
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if len(s.Encoders) == 0 {
		return rep, errors.New("the server takes no encoders")
	}
	stage, err := loadtest.CreateStage(ctx, loadtest.Access{Endpoint: s.URL, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey}, 0)
	if err != nil {
		return rep, err
	}
	urls, err := stage.Ingest(ctx, s.Encoders[0], n+ingestStarts)
	if err != nil {
		return rep, err
	}
	if err := stage.AddViewers(ctx, 1); err != nil {
		return rep, err
	}
	stage.SetEndpoints(&plan)
	plan.Publish, plan.Encode, plan.PID = nil, urls[:n], s.PID()
	name := fmt.Sprintf("%d encoders", n)
	return a.measureEncoders(ctx, name, plan, ingestShare, urls[n:])
}

// measureEncoders opens a plan with a viewer of each encoder, and then starts further ones.
func (a *arena) measureEncoders(ctx context.Context, name string, plan loadtest.Plan, share float64, more []string) (rep loadtest.Report, err error) {
	n := len(plan.Encode)
	load, err := loadtest.Open(ctx, plan)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, load.Close()) }()
	if err := load.Join(ctx, 1, 0); err != nil {
		return rep, err
	}
	if rep, err = load.Measure(ctx, a.seconds); err != nil {
		return rep, err
	}
	a.results.report(name, rep)
	rep.Describe(os.Stderr)
	r := a.results
	r.maxRate(name, "CPU of an encoder and its viewer", 100*cores(rep)/float64(n), share, "% of a core", "")
	r.maxRate("", "added latency of video, p95", rep.Latency.P95, ingestVideo, "ms", fmt.Sprintf("p50 %.1f", rep.Latency.P50))
	if rep.AudioLatency.Max > 0 {
		r.maxRate("", "added latency of audio, p95", rep.AudioLatency.P95, ingestAudio, "ms", fmt.Sprintf("p50 %.1f", rep.AudioLatency.P50))
	}
	r.atLeast("", "subscriptions with media", float64(rep.Subscriptions), float64(n), "", strings.Join(rep.Failures, "; "))
	r.maxRate("", "lost", 100*rep.Lost, 100*lossless, "%", fmt.Sprintf("%.1f pictures a second", rep.Pictures))
	r.maxRate("", "viewer's join to first picture, p95", rep.FirstPicture.P95, 0, "ms", "")
	var starts []time.Duration
	for i, url := range more {
		took, err := load.FirstPicture(ctx, url, plan.Subscribe(0, n+i))
		if err != nil {
			return rep, fmt.Errorf("start of an encoder: %w", err)
		}
		starts = append(starts, took)
	}
	slices.Sort(starts)
	ms := func(q int) float64 { return float64(starts[len(starts)*q/100].Microseconds()) / 1000 }
	r.maxRate("", "encoder's start to first picture, p95", ms(95), ingestPicture, "ms", fmt.Sprintf("p50 %.1f", ms(50)))
	return rep, nil
}

// otherConfig is of MediaMTX: only what is measured.
const otherConfig = `
logLevel: error
rtsp: no
hls: no
srt: no
rtmpAddress: 127.0.0.1:21935
webrtcAddress: 127.0.0.1:28889
webrtcLocalUDPAddress: 127.0.0.1:28189
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
paths:
  all_others:
`

// ingestOther measures a binary of MediaMTX.
func (a *arena) ingestOther(ctx context.Context, binary string, plan loadtest.Plan, n int) (rep loadtest.Report, err error) {
	file, err := os.CreateTemp("", "mediamtx-*.yml")
	if err != nil {
		return rep, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(otherConfig)
	if err := errors.Join(err, file.Close()); err != nil {
		return rep, err
	}
	cmd := exec.CommandContext(ctx, binary, file.Name())
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return rep, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	var urls []string
	for i := range n + ingestStarts {
		urls = append(urls, fmt.Sprintf("rtmp://127.0.0.1:21935/live/%d", i))
	}
	time.Sleep(2 * time.Second) // until it listens
	plan.Subscribe = func(_, i int) realtime.Endpoint {
		return realtime.Endpoint{URL: fmt.Sprintf("http://127.0.0.1:28889/live/%d/whep", i)}
	}
	plan.Encode, plan.PID = urls[:n], cmd.Process.Pid
	rep, err = a.measureEncoders(ctx, fmt.Sprintf("MediaMTX, %d encoders", n), plan, 0, urls[n:])
	return rep, cmp.Or(err, ctx.Err())
}
