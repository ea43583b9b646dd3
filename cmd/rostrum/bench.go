package main

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/loadtest"
)

// benchCommand measures how many viewers a server carries.
type benchCommand struct {
	Publishers int           `default:"1" help:"Participants that publish video and a tone."`
	Viewers    int           `default:"50" help:"Participants that each subscribe to all publishers."`
	JoinRate   float64       `default:"20" help:"Viewers that join in a second; 0 is all at once."`
	Duration   time.Duration `default:"15s" help:"How long to measure, after all have joined."`
	Size       size          `default:"1280x720" placeholder:"WxH" help:"Width and height of the best layer."`
	Bitrate    bitrate       `name:"video-bitrate" default:"2.5M" help:"Bits per second of the best layer."`
	Simulcast  bool          `help:"Publish three layers: hi, mid and low."`
	File       string        `type:"existingfile" placeholder:"PATH" help:"Publish the H.264 of this file instead, repeated without end."`
	Bursts     bool          `help:"Send each frame at once; by default it is paced in steps of 5 ms, as browsers do."`
	Layer      string        `help:"The layer that viewers choose; by default the server does."`

	Loss     float64       `placeholder:"PERCENT" group:"The viewers' network" help:"Packets lost in each direction, in percent."`
	Delay    time.Duration `group:"The viewers' network" help:"Delay of each packet in each direction."`
	Feedback time.Duration `default:"100ms" group:"The viewers' network" help:"Time between two transport-wide reports of a viewer."`
	Single   bool          `group:"The viewers' network" help:"Receive each datagram by itself, as viewers on the same machine do; by default datagrams that the server sent in one call arrive in one, as with a network card that segments them."`

	WHIP    string `name:"whip" placeholder:"URL" group:"Other servers" help:"Publish there by WHIP; {n} is the publisher's number. By default a server is started for the measurement."`
	WHEP    string `name:"whep" placeholder:"URL" group:"Other servers" help:"Receive there by WHEP; {n} is the publisher's number."`
	PID     int    `name:"pid" placeholder:"N" group:"Other servers" help:"Process of that server on this machine, whose use of processor and memory is measured."`
	Compare bool   `group:"Other servers" help:"Measure that server and then one of our own, and compare them."`
	Pin     bool   `help:"Keep our server to one processor and the measuring process to another."`
}

// Run measures and prints the report.
func (c *benchCommand) Run(ctx context.Context, out *output) error {
	if err := c.check(); err != nil {
		return misuse(err)
	}
	run, err := loadtest.New(c.config(out))
	if err != nil {
		return misuse(err)
	}
	var other loadtest.Report
	if c.WHIP != "" {
		if other, err = run.MeasureOther(ctx); err != nil || !c.Compare {
			return printReport(ctx, out, other, err)
		}
	}
	ours, err := run.MeasureOwn(ctx)
	if err != nil || !c.Compare {
		return printReport(ctx, out, ours, err)
	}
	both := loadtest.Compare(other, ours)
	return out.print(both, both.Describe)
}

// check returns what is contradictory on the command line.
func (c *benchCommand) check() error {
	switch {
	case (c.WHIP == "") != (c.WHEP == ""):
		return errors.New("give both --whip and --whep, or neither")
	case c.Compare && c.WHIP == "":
		return errors.New("--compare needs another server: give --whip and --whep")
	case c.PID != 0 && c.WHIP == "":
		return errors.New("--pid is of another server: give --whip and --whep")
	case c.PID < 0:
		return errors.New("--pid: want the number of a process")
	}
	return nil
}

func (c *benchCommand) config(out *output) loadtest.Config {
	return loadtest.Config{
		Publishers: c.Publishers, Viewers: c.Viewers, JoinRate: c.JoinRate, Duration: c.Duration,
		Clip:   loadtest.ClipConfig{Width: c.Size.width, Height: c.Size.height, Bitrate: int(c.Bitrate), Simulcast: c.Simulcast, File: c.File},
		Bursts: c.Bursts, Layer: c.Layer, Pin: c.Pin,
		Network: loadtest.NetworkConfig{Loss: c.Loss / 100, Delay: c.Delay, Feedback: c.Feedback, Single: c.Single},
		WHIP:    c.WHIP, WHEP: c.WHEP, PID: c.PID, Progress: out.stderr,
	}
}

// errNothingReceived makes bench exit with 1 when there was nothing to measure. The report
// says why.
var errNothingReceived = errors.New("nobody received anything: see above")

// printReport prints a report, or returns why there is none.
func printReport(ctx context.Context, out *output, report loadtest.Report, err error) error {
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return denial(err)
	}
	if err := out.print(report, report.Describe); err != nil {
		return err
	}
	if report.Subscriptions == 0 {
		return errNothingReceived
	}
	return nil
}
