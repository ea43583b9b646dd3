package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/loadtest"
	"rostrum/internal/peer"
	"rostrum/internal/server"
)

// benchVerb measures what a server of stages carries.
type benchVerb struct {
	Publishers int           `default:"1" help:"Participants that publish pictures and a tone."`
	Viewers    int           `default:"50" help:"Participants that each subscribe to all publishers."`
	JoinRate   float64       `default:"20" help:"Viewers that join in a second; 0 is all at once."`
	Duration   time.Duration `default:"15s" help:"How long is measured, after all have joined."`
	Size       string        `default:"1280x720" placeholder:"WxH" help:"Width and height of the best layer."`
	Bitrate    string        `name:"video-bitrate" default:"2.5M" help:"Bits a second of the best layer."`
	Simulcast  bool          `help:"Publish three layers: hi, mid and low."`
	File       string        `type:"existingfile" placeholder:"PATH" help:"Publish the H.264 of this file instead, again and again."`
	Bursts     bool          `help:"Send each picture at once; otherwise it is paced in steps of 5 ms, as browsers do."`
	Layer      string        `help:"The layer that viewers choose; by default the server does."`

	Loss     float64       `placeholder:"PERCENT" group:"The viewers' network" help:"Packets lost in each direction, in percent."`
	Delay    time.Duration `group:"The viewers' network" help:"Delay of each packet in each direction."`
	Feedback time.Duration `default:"100ms" group:"The viewers' network" help:"Time between two transport-wide reports of a viewer."`
	Single   bool          `group:"The viewers' network" help:"Have the kernel hand out each datagram by itself, as to viewers of the same machine; otherwise those that the server sent in one piece arrive in one, as with a network card that cuts them up."`

	WHIP    string `name:"whip" placeholder:"URL" group:"Other servers" help:"Publish there by WHIP; {n} is the publisher's number. By default a server is started for the measurement."`
	WHEP    string `name:"whep" placeholder:"URL" group:"Other servers" help:"Receive there by WHEP; {n} is the publisher's number."`
	PID     int    `name:"pid" placeholder:"N" group:"Other servers" help:"The server's process, on this machine, whose use of processor and memory is told."`
	Compare bool   `group:"Other servers" help:"Measure that server and then one of our own, and tell how they compare."`
	Pin     bool   `help:"Keep our server to one processor and the measuring to another."`
}

// A comparison is two measurements by the same plan.
type comparison struct {
	Other loadtest.Report `json:"other"`
	Ours  loadtest.Report `json:"ours"`
	// PerPacket is the other server's use of processor for a packet over ours; 0 is unknown.
	PerPacket float64 `json:"cpuPerPacketRatio,omitempty"`
}

// Run measures and prints the report.
func (v *benchVerb) Run(ctx context.Context, out *output) error {
	if err := v.check(); err != nil {
		return misuse(err)
	}
	if v.Pin {
		if err := loadtest.KeepTo(ownProcessor); err != nil {
			return err
		}
	}
	plan, err := v.plan()
	if err != nil {
		return misuse(err)
	}
	var c comparison
	if v.WHIP != "" {
		if c.Other, err = v.measure(ctx, out, v.at(plan)); err != nil || !v.Compare {
			return tell(ctx, out, c.Other, err)
		}
	}
	if c.Ours, err = v.own(ctx, out, plan); err != nil || !v.Compare {
		return tell(ctx, out, c.Ours, err)
	}
	if c.Other.PerPacket != nil && c.Ours.PerPacket != nil && *c.Ours.PerPacket > 0 {
		c.PerPacket = *c.Other.PerPacket / *c.Ours.PerPacket
	}
	return out.say(c, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\n", v.WHIP)
		describeReport(w, c.Other)
		fmt.Fprint(w, "\nrostrum\n\n")
		describeReport(w, c.Ours)
		if c.PerPacket > 0 {
			fmt.Fprintf(w, "\nThe other server uses %.1f times as much processor for a packet.\n", c.PerPacket)
		}
	})
}

// check tells what makes no sense on the command line, or nil.
func (v *benchVerb) check() error {
	switch {
	case (v.WHIP == "") != (v.WHEP == ""):
		return errors.New("say both --whip and --whep, or neither")
	case v.Compare && v.WHIP == "":
		return errors.New("--compare needs another server: say --whip and --whep")
	case v.PID != 0 && v.WHIP == "":
		return errors.New("--pid is of another server: say --whip and --whep")
	case v.PID < 0:
		return errors.New("--pid: want the number of a process")
	case v.Publishers < 1 || v.Viewers < 1:
		return errors.New("a measurement needs a publisher and a viewer")
	case v.Duration <= 0:
		return errors.New("--duration: want a time above 0")
	case !(v.JoinRate >= 0):
		return errors.New("--join-rate: want a number that is not below 0")
	case !(v.Loss >= 0 && v.Loss < 100):
		return errors.New("--loss: want a percentage below 100")
	case v.Delay < 0 || v.Feedback < 0:
		return errors.New("--delay and --feedback: want times that are not below 0")
	case v.File != "" && v.Simulcast:
		return errors.New("--simulcast is of the pictures that are made here: --file has one layer")
	case v.Pin && loadtest.Processors() < 2:
		return errors.New("--pin needs two processors, and a system that lets us choose")
	}
	return nil
}

// errNobody makes bench exit with 1 when there was nothing to measure. Why stands in the
// report.
var errNobody = errors.New("nobody received anything: see above")

// tell prints a report, or why there is none.
func tell(ctx context.Context, out *output, report loadtest.Report, err error) error {
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return denial(err)
	}
	if err := out.say(report, func(w io.Writer) { describeReport(w, report) }); err != nil {
		return err
	}
	if report.Subscriptions == 0 {
		return errNobody
	}
	return nil
}

// at turns a plan to the server that the flags name.
func (v *benchVerb) at(plan loadtest.Plan) loadtest.Plan {
	plan.PID = v.PID
	for n := range v.Publishers {
		plan.Publish = append(plan.Publish, peer.Endpoint{URL: numbered(v.WHIP, n)})
	}
	plan.Subscribe = func(_, n int) peer.Endpoint { return peer.Endpoint{URL: numbered(v.WHEP, n)} }
	return plan
}

// With --pin: which processor is whose.
const (
	serverProcessor = 0
	ownProcessor    = 1
)

// own starts a server and measures it.
func (v *benchVerb) own(ctx context.Context, out *output, plan loadtest.Plan) (loadtest.Report, error) {
	server, err := startServer(ctx, v.Pin)
	if err != nil {
		return loadtest.Report{}, err
	}
	plan.PID = server.process.Process.Pid
	var report loadtest.Report
	if err = v.invite(ctx, server.greeting, &plan); err == nil {
		report, err = v.measure(ctx, out, plan)
	}
	return report, errors.Join(err, server.stop())
}

// measure brings everybody, watches, and takes them away.
func (v *benchVerb) measure(ctx context.Context, out *output, plan loadtest.Plan) (rep loadtest.Report, err error) {
	m, err := loadtest.Open(ctx, plan)
	if err != nil {
		return rep, err
	}
	defer func() {
		if closing := m.Close(); err == nil { // a server that has gone can't be told, either
			err = closing
		}
	}()
	fmt.Fprintf(out.log, "%d publishers are on; %d viewers join\n", v.Publishers, v.Viewers)
	if err := m.Join(ctx, v.Viewers, v.JoinRate); err != nil {
		return rep, err
	}
	fmt.Fprintf(out.log, "measuring for %v\n", v.Duration)
	return m.Measure(ctx, v.Duration)
}

func numbered(url string, n int) string {
	return strings.ReplaceAll(url, "{n}", strconv.Itoa(n+1))
}

// leastBitrate is about what one packet a picture comes to.
const leastBitrate = 300_000

func (v *benchVerb) plan() (loadtest.Plan, error) {
	c := loadtest.ClipConfig{Simulcast: v.Simulcast, File: v.File}
	var err error
	if c.Width, c.Height, err = parseSize(v.Size); err != nil {
		return loadtest.Plan{}, fmt.Errorf("--size: %w", err)
	}
	if c.Bitrate, err = parseBitrate(v.Bitrate); err == nil && c.Bitrate < leastBitrate {
		err = fmt.Errorf("%s is less than a packet for each picture: want at least %dk", v.Bitrate, leastBitrate/1000)
	}
	if err != nil {
		return loadtest.Plan{}, fmt.Errorf("--video-bitrate: %w", err)
	}
	clip, err := loadtest.NewClip(c)
	return loadtest.Plan{
		Layer: v.Layer, Clip: clip, Bursts: v.Bursts,
		Network: loadtest.CrowdConfig{Loss: v.Loss / 100, Delay: v.Delay, Feedback: v.Feedback, Single: v.Single},
	}, err
}

// invite makes a stage on a server, and everybody's token, by the SDK.
func (v *benchVerb) invite(ctx context.Context, hello server.Banner, plan *loadtest.Plan) error {
	at := loadtest.Access{Endpoint: hello.Endpoint, Region: hello.Region, AccessKey: hello.AccessKey, SecretKey: hello.SecretKey}
	stage, err := loadtest.MakeStage(ctx, at, v.Publishers)
	if err != nil {
		return err
	}
	stage.Invite(plan)
	return stage.Admit(ctx, v.Viewers)
}

// A benchServer is a server of our own, in a process of its own, so that what it
// uses can be told from what we do.
type benchServer struct {
	greeting server.Banner
	process  *exec.Cmd
}

func startServer(ctx context.Context, pinned bool) (*benchServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &benchServer{process: exec.CommandContext(ctx, self, "serve", "--ephemeral", "--json", "--log-level", "warn", "--listen", "127.0.0.1:0", "--media-port", "0", "--limits", "open,requests=0")}
	s.process.Stderr = os.Stderr
	s.process.Cancel = func() error { return s.process.Process.Signal(os.Interrupt) }
	words, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := s.process.Start
	if pinned {
		start = func() error { return loadtest.StartOn(s.process, serverProcessor) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	line, err := bufio.NewReader(words).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.greeting)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server: %w", err), s.stop())
	}
	return s, nil
}

// stop ends the server as a person would.
func (s *benchServer) stop() error {
	if err := s.process.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	var exit *exec.ExitError
	if err := s.process.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}

// describeReport writes a report as a table.
func describeReport(w io.Writer, r loadtest.Report) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-22s "+format+"\n", append([]any{name}, args...)...)
	}
	row("subscriptions", "%d of %d (%d viewers of %d publishers)", r.Subscriptions, r.Viewers*r.Publishers, r.Viewers, r.Publishers)
	for _, why := range r.Failures {
		row("  not joined", "%s", why)
	}
	row("forwarded", "%.0f packets/s, %.1f Mbit/s, %.1f pictures/s each", r.Packets, r.Bits/1e6, r.Pictures)
	row("lost", "%.4f %%, never repaired %.4f %%; sent again %.4f %%; our own sockets overflowed for %.4f %%", 100*r.Lost, 100*r.Missing, 100*r.Again, 100*r.Overflowed)
	spread := func(name string, s loadtest.Spread) {
		row(name, "p50 %.1f   p95 %.1f   p99 %.1f   max %.1f ms", s.P50, s.P95, s.P99, s.Max)
	}
	spread("latency", r.Latency)
	spread("join to first packet", r.FirstPacket)
	spread("join to first picture", r.FirstPicture)
	if r.Cores != nil {
		row("server's processor", "%.2f cores, %.2f µs a packet, %.2f ms a second and viewer", *r.Cores, *r.PerPacket, *r.PerViewer)
		row("server's memory", "%.0f KiB a subscription, %.0f MiB in all", *r.Memory, *r.Resident)
	}
	if r.Own != nil {
		row("the measuring itself", "%.2f cores", *r.Own)
	}
	for _, h := range []struct {
		whose string
		halts *loadtest.Halts
	}{{"the server's", r.ServerHalts}, {"the measuring's", r.OwnHalts}} {
		if h.halts != nil {
			row("machine", "%s processor stood still %d times, %.0f ms in all, %.0f ms at most", h.whose, h.halts.Times, h.halts.Sum, h.halts.Longest)
		}
	}
	if r.Stolen != nil {
		row("", "%.0f ms of processors were taken by what it runs on", *r.Stolen)
	}
	if busy := loadAverage(); busy != "" {
		row("", "load average %s", busy)
	}
}

// loadAverage is how busy the machine is, where that can be read.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
