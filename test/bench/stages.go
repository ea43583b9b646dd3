package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"rostrum/internal/loadtest"
)

// What is promised of a stage.
const (
	costAtTwoHundred = 0.45 // of the reference forwarder's processor time for a packet
	costAtSaturation = 0.33
	lossless         = 0.001 // share of packets; less is no loss to speak of
	manyTimes        = 3.0   // the reference's lossless viewers
	memoryKiB        = 200.0 // a viewer
	wholeMicros      = 3.0   // a packet, when pictures come whole
	busyLatency      = 10.0  // ms, p99
	busyShare        = 0.8   // of a processor
	arrivals         = 50.0  // viewers a second
	toldMillis       = 500.0
	growth           = 1.05 // cost of a viewer among 1,000 against among 100, measuring error granted
)

// measureStages runs the cases whose names begin with one of those asked for, all if
// none is.
func (a *arena) measureStages(ctx context.Context, wanted string) error {
	var capacity capacity
	for _, c := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"capacity", func(ctx context.Context) (err error) { capacity, err = a.measureCapacity(ctx); return err }},
		{"whole", a.measureWhole},
		{"single", a.measureSingle},
		{"simulcast", a.measureSimulcast},
		{"loss", a.measureLoss},
		{"arrivals", a.measureArrivals},
		{"busy", func(ctx context.Context) error { return a.measureBusy(ctx, capacity.perViewer) }},
		{"told", a.measureTold},
	} {
		if wanted != "" && !strings.Contains(","+wanted+",", ","+c.name+",") {
			continue
		}
		began := time.Now()
		if err := c.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.0f s\n", c.name, time.Since(began).Seconds())
	}
	return nil
}

// specified is the load that promises are made for: 2.5 Mbit/s and 30 pictures a second
// in 1,200-byte packets and Opus, 306 packets a second in all, paced as by a browser.
func specified(c loadtest.ClipConfig) (loadtest.Plan, error) {
	clip, err := loadtest.NewClip(c)
	return loadtest.Plan{Clip: clip}, err
}

func micros(r loadtest.Report) float64 {
	if r.PerPacket == nil {
		return 0
	}
	return *r.PerPacket
}

func cores(r loadtest.Report) float64 {
	if r.Cores == nil {
		return 0
	}
	return *r.Cores
}

// clean tells that nothing worth the name was lost, and everybody was there.
func clean(r loadtest.Report, viewers int) bool {
	return r.Lost < lossless && r.Subscriptions == viewers*r.Publishers
}

// once is a measurement of a server of its own: so many viewers join at a rate.
func (a *arena) once(ctx context.Context, name string, publishers, viewers int, rate float64, plan loadtest.Plan) (rep loadtest.Report, err error) {
	m, err := a.ours(ctx, publishers, plan)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.join(ctx, viewers, rate); err != nil {
		return rep, err
	}
	rep, err = m.Measure(ctx, a.seconds)
	a.results.report(name, rep)
	return rep, err
}

// measureWhole is a publisher that sends each picture at once.
func (a *arena) measureWhole(ctx context.Context) error {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return err
	}
	plan.Bursts = true
	rep, err := a.once(ctx, "whole", 1, 200, 60, plan)
	if err != nil {
		return err
	}
	a.results.maxRate("200 viewers, whole pictures", "a forwarded packet", micros(rep), wholeMicros, "µs", "")
	a.results.maxRate("", "lost", 100*rep.Lost, 100*lossless, "%", "")
	return nil
}

// measureSingle is the specified load with viewers whose kernel takes each datagram by
// itself, and charges the server with it, as for browsers on the same machine.
func (a *arena) measureSingle(ctx context.Context) error {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return err
	}
	plan.Network.Single = true
	rep, err := a.once(ctx, "single", 1, 200, 60, plan)
	if err != nil {
		return err
	}
	a.results.maxRate("200 viewers that take each datagram by itself", "a forwarded packet", micros(rep), 0, "µs", "")
	return nil
}

// measureSimulcast is a meeting of many who each send three layers.
func (a *arena) measureSimulcast(ctx context.Context) error {
	plan, err := specified(loadtest.ClipConfig{Simulcast: true})
	if err != nil {
		return err
	}
	rep, err := a.once(ctx, "simulcast", 12, 50, 8, plan)
	if err != nil {
		return err
	}
	where := "12 publishers of three layers, 50 viewers"
	a.results.atLeast(where, "subscriptions", float64(rep.Subscriptions), 600, "", "")
	a.results.maxRate("", "a forwarded packet", micros(rep), 0, "µs", fmt.Sprintf("%.0f packets/s", rep.Packets))
	a.results.maxRate("", "lost", 100*rep.Lost, 100*lossless, "%", "")
	a.results.maxRate("", "added latency, p99", rep.Latency.P99, busyLatency, "ms", halts(rep))
	a.results.maxRate("", "processor", cores(rep), 0, "cores", "")
	return nil
}

// measureLoss has viewers who lose packets and ask for them.
func (a *arena) measureLoss(ctx context.Context) error {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return err
	}
	plan.Network = loadtest.NetworkConfig{Loss: 0.03, Delay: 20 * time.Millisecond}
	rep, err := a.once(ctx, "loss", 1, 200, 60, plan)
	if err != nil {
		return err
	}
	a.results.maxRate("200 viewers, 3 % loss and 20 ms each way", "a forwarded packet", micros(rep), 0, "µs", fmt.Sprintf("%.1f %% sent again", 100*rep.Retransmitted))
	a.results.maxRate("", "never came", 100*rep.Missing, 0, "%", "sound isn't asked for again")
	return nil
}

// measureArrivals has viewers come and go while others watch.
func (a *arena) measureArrivals(ctx context.Context) (err error) {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return err
	}
	m, err := a.ours(ctx, 1, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.join(ctx, 200, 60); err != nil {
		return err
	}
	length := max(a.seconds, 10*time.Second)
	if err := m.stage.AddViewers(ctx, int(arrivals*length.Seconds())); err != nil {
		return err
	}
	passed := make(chan []loadtest.ReceiverStats)
	began := time.Now()
	var took time.Duration
	go func() {
		all := m.JoinBriefly(ctx, arrivals, length, 2*time.Second)
		took = time.Since(began) - 2*time.Second
		passed <- all
	}()
	rep, err := m.Measure(ctx, length)
	all := <-passed
	if err != nil {
		return err
	}
	a.results.report("arrivals", rep)
	seen := 0
	for _, t := range all {
		if t.FirstPicture > 0 {
			seen++
		}
	}
	packet, picture := loadtest.JoinTimes(all)
	where := "200 watch, 50 others a second come for 2 s"
	a.results.atLeast(where, "joined and saw a picture", float64(seen)/took.Seconds(), 0.97*arrivals, "a second", fmt.Sprintf("%d of %.0f", seen, arrivals*length.Seconds()))
	a.results.maxRate("", "lost by those who watch", 100*rep.Lost, 100*lossless, "%", "")
	a.results.maxRate("", "offer to first packet, p95", packet.P95, 0, "ms", "")
	a.results.maxRate("", "offer to first picture, p95", picture.P95, 0, "ms", "")
	a.results.maxRate("", "added latency for those who watch, p99", rep.Latency.P99, 0, "ms", halts(rep))
	return nil
}

// measureBusy loads the server to four fifths of its processor with ten publishers, whose
// pictures fall where they may, as those of a meeting do.
func (a *arena) measureBusy(ctx context.Context, perViewer float64) (err error) {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return err
	}
	const publishers = 10
	m, err := a.ours(ctx, publishers, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if perViewer == 0 {
		perViewer = 0.0006
	}
	viewers := int(0.7 * busyShare / perViewer / publishers)
	if err := m.join(ctx, viewers, 10); err != nil {
		return err
	}
	first, err := m.Measure(ctx, a.seconds/2)
	if err != nil {
		return err
	}
	if c := cores(first); c > 0 && c < busyShare { // what a viewer costs here is known now
		if err := m.join(ctx, int(float64(viewers)*(busyShare/c-1)), 10); err != nil {
			return err
		}
	}
	rep, err := m.Measure(ctx, a.seconds)
	if err != nil {
		return err
	}
	a.results.report("busy", rep)
	where := fmt.Sprintf("%d subscriptions to 10 publishers, %.0f %% of the processor", rep.Subscriptions, 100*cores(rep))
	a.results.maxRate(where, "added latency, p99", rep.Latency.P99, busyLatency, "ms", strings.TrimSuffix(fmt.Sprintf("p50 %.1f ms; %s", rep.Latency.P50, halts(rep)), "; "))
	a.results.maxRate("", "lost", 100*rep.Lost, 100*lossless, "%", bound(rep))
	return nil
}

// halts says if the server's processor or ours stood still, which latencies show.
func halts(r loadtest.Report) string {
	var notes []string
	for _, h := range []struct {
		whose string
		halts *loadtest.Stalls
	}{{"the server's", r.ServerStalls}, {"our", r.OwnStalls}} {
		if h.halts != nil && h.halts.Times > 0 {
			notes = append(notes, fmt.Sprintf("%s processor stood still %d times, %.0f ms at most", h.whose, h.halts.Times, h.halts.Longest))
		}
	}
	if r.Stolen != nil && *r.Stolen > 0 {
		notes = append(notes, fmt.Sprintf("%.0f ms were taken by what the machine runs on", *r.Stolen))
	}
	return strings.Join(notes, "; ")
}

// bound says if the measuring itself was what gave out.
func bound(r loadtest.Report) string {
	switch {
	case r.Overflowed > lossless/2:
		return fmt.Sprintf("the measuring was too slow: its own sockets had no room for %.2f %%", 100*r.Overflowed)
	case r.Own != nil && *r.Own > 0.9:
		return fmt.Sprintf("the measuring was the bound: it took %.2f cores, the server %.2f", *r.Own, cores(r))
	}
	return ""
}
