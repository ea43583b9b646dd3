// Bench measures the real binary: the server is one process, this is the other, on
// the same machine.
//
//	go run ./test/bench
//
// The API part has SQLite as durable as it is by default. The stages part keeps the
// server to one processor and itself to another, and measures a plain forwarder
// (test/reference) with the same packets. Both print tables for docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

const (
	accessKey = "AKIABENCHMARK"
	secretKey = "secret-of-the-benchmark"
	region    = "us-east-1"
	account   = "000000000000"
)

func main() {
	seconds := flag.Duration("for", 5*time.Second, "how long each measurement takes")
	connections := flag.Int("connections", 32, "connections that send at once")
	part := flag.String("part", "all", "what is measured: api, stages, all (both), ingest, or record")
	cases := flag.String("cases", "", "of the stages: capacity, whole, single, simulcast, loss, arrivals, busy, told; with commas between; empty takes all")
	each := flag.Duration("each", 5*time.Second, "how long one measurement of a stage takes")
	ingests := flag.String("ingests", "1,10,50", "of ingest: how many at once, with commas between")
	records := flag.String("records", "1,10,50", "of record: how many at once, with commas between")
	peerWHIP := flag.String("peer-whip", "", "of record: URL of a peer that records what is published there by WHIP; {n} is the publisher's number")
	peerPID := flag.Int("peer-pid", 0, "of record: the peer's process")
	save := flag.String("json", "", "file for the stages' figures and reports as JSON")
	flag.Parse()
	// Whatever ends the bench, its server and its folder go with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	b := bench{part: *part, length: *seconds, connections: *connections, cases: *cases, ingests: *ingests, records: *records, peerWHIP: *peerWHIP, peerPID: *peerPID, each: *each, save: *save}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	part, cases, save string
	ingests, records  string
	peerWHIP          string
	peerPID           int
	length, each      time.Duration
	connections       int
}

func (b *bench) run(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "rostrum-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	binary, err := server.Build(ctx, folder)
	if err != nil {
		return err
	}
	switch b.part {
	case "ingest":
		return measureIngest(ctx, folder, binary, b)
	case "record":
		return measureRecord(ctx, folder, binary, b)
	}
	if b.part != "stages" { // first, for the other keeps us to one processor
		if err := b.measureAPI(ctx, binary, folder); err != nil || b.part == "api" {
			return err
		}
	}
	a, err := newArena(ctx, folder, binary, b.each)
	if err != nil {
		return err
	}
	err = a.measureStages(ctx, b.cases)
	a.results.print(os.Stdout)
	return errors.Join(err, a.results.save(b.save))
}

func (b *bench) measureAPI(ctx context.Context, binary, folder string) error {
	if err := measureStart(ctx, binary, folder); err != nil {
		return err
	}
	if err := measureRates(ctx, binary, filepath.Join(folder, "rates"), b.length, b.connections); err != nil {
		return err
	}
	return measureLists(ctx, binary, filepath.Join(folder, "lists"))
}

func start(ctx context.Context, binary, data string) (*server.Server, error) {
	return server.Start(ctx, binary, "--data-dir", data, "--access-key", accessKey, "--secret-key", secretKey,
		"--region", region, "--limits", "open,requests=0,stages=0")
}

// measureStart tells how soon a server is ready, and what it then needs.
func measureStart(ctx context.Context, binary, folder string) error {
	fmt.Printf("| | |\n|---|---|\n")
	for _, kind := range []string{"first start, data folder made", "start on a data folder"} {
		s, err := start(ctx, binary, filepath.Join(folder, "start"))
		if err != nil {
			return err
		}
		time.Sleep(2 * time.Second) // what a start needs beyond its end is given back
		resident, err := residentMemory(s.PID())
		if err != nil {
			return errors.Join(err, s.Stop())
		}
		if err := s.Stop(); err != nil {
			return err
		}
		fmt.Printf("| %s: until `/readyz` answers | %d ms |\n| resident memory, idle | %.1f MiB |\n", kind, s.Ready.Milliseconds(), resident)
	}
	fmt.Println()
	return nil
}

// residentMemory is in MiB (proc(5), VmRSS).
func residentMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024, nil
		}
	}
	return 0, errors.New("the process tells no VmRSS")
}

// cpuTime is what a process has used so far (proc(5), utime and stime of stat,
// in hundredths of a second); 0 where it can't be told.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // after the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// measureRates tells how much the server answers at most, and how soon at half
// of what it has to answer.
func measureRates(ctx context.Context, binary, data string, length time.Duration, connections int) error {
	s, err := start(ctx, binary, data)
	if err != nil {
		return err
	}
	defer s.Kill()
	stage, err := aStage(ctx, s.URL)
	if err != nil {
		return err
	}
	fmt.Printf("| operation | asked for | at most | server's CPU time each | at half of what is asked for: p50 | p99 | slowest |\n|---|---|---|---|---|---|---|\n")
	for _, m := range []struct {
		operation, body string
		asked           int
	}{
		{"GetStage", `{"arn":"` + stage + `"}`, 5000},
		{"CreateParticipantToken", `{"stageArn":"` + stage + `","userId":"ann","attributes":{"displayName":"Ann"}}`, 2000},
		{"CreateStage", `{"name":"bench","tags":{"team":"red"}}`, 500},
		{"TagResource", `{"tags":{"team":"red"}}`, 0},
	} {
		l := requests{url: s.URL, path: "/" + m.operation, body: m.body, connections: connections, length: length}
		if m.operation == "TagResource" {
			l.path = "/tags/" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(stage)
		}
		if _, err := l.run(ctx, 0); err != nil { // warm
			return err
		}
		before := cpuTime(s.PID())
		full, err := l.run(ctx, 0)
		if err != nil {
			return err
		}
		each := (cpuTime(s.PID()) - before) / time.Duration(len(full.samples))
		asked, rate := fmt.Sprintf("%d/s", m.asked), m.asked/2
		if m.asked == 0 {
			asked, rate = "", full.rate()/2
		}
		half, err := l.run(ctx, rate)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %s | %d/s | %d µs | %s | %s | %s |\n", m.operation, asked, full.rate(), each.Microseconds(), round(half.quantile(0.5)), round(half.quantile(0.99)), round(half.quantile(1)))
	}
	resident, err := residentMemory(s.PID())
	if err != nil {
		return err
	}
	fmt.Printf("\nResident memory after that: %.1f MiB.\n\n", resident)
	return s.Stop()
}

func aStage(ctx context.Context, url string) (string, error) {
	c, err := client(ctx, url)
	if err != nil {
		return "", err
	}
	defer c.Close()
	out, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "bench"})
	if err != nil {
		return "", err
	}
	return out.Stage.ARN, nil
}

// measureLists walks a hundred thousand stages and tells what pages cost at the
// beginning, in the middle and at the end.
func measureLists(ctx context.Context, binary, data string) error {
	const stages, page = 100_000, 100
	if err := fillStages(ctx, data, stages); err != nil {
		return err
	}
	s, err := start(ctx, binary, data)
	if err != nil {
		return err
	}
	defer s.Kill()
	c, err := client(ctx, s.URL)
	if err != nil {
		return err
	}
	defer c.Close()
	var took samples
	seen, began := 0, time.Now()
	for p, err := range c.StagePages(ctx, &ivsrealtime.ListStagesInput{MaxResults: new(page)}) {
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		began = time.Now()
		seen += len(p.Stages)
	}
	if seen != stages {
		return fmt.Errorf("the pages hold %d stages, expected %d", seen, stages)
	}
	third := len(took) / 3
	fmt.Printf("| ListStages, %d stages, pages of %d | median | p99 |\n|---|---|---|\n", stages, page)
	for i, part := range []string{"first third", "second third", "last third"} {
		some := append(samples(nil), took[i*third:(i+1)*third]...)
		fmt.Printf("| %s | %s | %s |\n", part, round(some.quantile(0.5)), round(some.quantile(0.99)))
	}
	return s.Stop()
}

// fillStages makes stages in a store that no server runs on.
func fillStages(ctx context.Context, data string, n int) error {
	s, err := store.Open(ctx, store.Config{Dir: data})
	if err != nil {
		return err
	}
	const batch = 1000
	for range n / batch {
		if err := s.Write(ctx, func(tx *store.Tx) error {
			for range batch {
				stage := &ivsrealtime.Stage{ARN: arn.New(arn.Stage, account, region).String(), Name: "bench", Tags: map[string]string{"team": "red"}}
				if err := tx.Stages().Create(stage); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return s.Close()
}

func round(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
