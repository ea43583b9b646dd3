package bandwidth

import (
	"testing"
	"time"
)

func TestEstimator_StaysInRangeOnInvalidFeedback(t *testing.T) {
	e, d := &Estimator{}, &DelayTracker{}
	for now, arrived := range []time.Duration{1 << 62, -1 << 62, 0, 1 << 40, -1 << 40, 1, -1 << 63} {
		for _, sent := range []time.Duration{1 << 62, 0, -1 << 62, 1 << 30} {
			e.AddFeedback(time.Duration(now)*time.Second, d, []Ack{{Sent: sent, Arrived: arrived, Size: 1 << 30, Cluster: 1}, {Sent: sent + 1, Arrived: arrived}})
		}
	}
	if bitrate, _ := e.Bitrate(); bitrate < minBitrate || bitrate > maxBitrate {
		t.Errorf("the estimate is %d", bitrate)
	}
}

// arriving is an arrival rate of bitrate, a multiple of 320, up to bin 60 of the sender's clock.
func arriving(bitrate int) (w arrivalRate) {
	for number := range 61 {
		w.add(time.Duration(number)*binDuration, int(binDuration)/8*bitrate/int(time.Second))
	}
	return w
}

// queued is a path with a queue of a length, that does not drain.
func queued(queue time.Duration) *DelayTracker { return tracked(1, repeat(16, queue)...) }

func TestEstimator_StartsWithTheFirstReport(t *testing.T) {
	var e Estimator
	var d DelayTracker
	e.ReportLost(&d, Ack{Arrived: time.Second})
	e.AddFeedback(time.Second, &d, nil)
	if bitrate, known := e.Bitrate(); known || bitrate != 0 {
		t.Errorf("an empty report makes the estimate %d, known %t", bitrate, known)
	}
	e.AddFeedback(time.Second, &d, []Ack{{Sent: 1, Arrived: time.Second, Size: 1000}})
	if bitrate, known := e.Bitrate(); !known || bitrate != startBitrate {
		t.Errorf("the first report makes the estimate %d, known %t", bitrate, known)
	}
}

func TestEstimator_StaysWithinItsRange(t *testing.T) {
	for bitrate, want := range map[float64]int{1: minBitrate, minBitrate: minBitrate, 2 * maxBitrate: maxBitrate} {
		e := Estimator{known: true, bitrate: bitrate}
		e.AddFeedback(time.Second, &DelayTracker{}, []Ack{{Sent: time.Second, Lost: true}})
		if got, _ := e.Bitrate(); got != want {
			t.Errorf("%v becomes %d, want %d", bitrate, got, want)
		}
	}
}

func TestEstimator_CountsLossOfMediaOnly(t *testing.T) {
	var e Estimator
	var d DelayTracker
	e.AddFeedback(time.Second, &d, []Ack{{Lost: true}, {Lost: true, Cluster: 1}, {Sent: 1}, {Sent: 2, Cluster: 1}})
	if e.loss.packets != 3 || e.loss.lost != 1 {
		t.Errorf("%d of %d are lost, want 1 of 3", e.loss.lost, e.loss.packets)
	}
}

func TestEstimator_CountsArrivalsWhenTheyLeaveThePath(t *testing.T) {
	e := Estimator{known: true, bitrate: 1e6}
	d := tracked(1)
	e.AddFeedback(time.Second, d, []Ack{{Sent: 500 * ms, Arrived: 500*ms + 250*ms, Size: 1000}})
	if b := e.arrivals.bins[30]; b.number != 30 || b.bytes != 1000 {
		t.Errorf("bin 30 has %+v, want the packet that waited 250 ms", b)
	}
	e.ReportLost(d, Ack{Arrived: 33 * binDuration}) // the base delay is 0
	for number := 30; number <= 33; number++ {
		if b := e.arrivals.bins[number%binCount]; !b.unknown {
			t.Errorf("bin %d is known", number)
		}
	}
	if b := e.arrivals.bins[34%binCount]; b.unknown {
		t.Error("bin 34 is unknown")
	}
}

func TestEstimator_TakesALostReportInItsOwnTime(t *testing.T) {
	for name, c := range map[string]struct {
		e    Estimator
		d    *DelayTracker
		want bool // whether bin 10 is unknown
	}{
		"of a path that is known": {Estimator{known: true}, &DelayTracker{started: true, minDelays: [3]time.Duration{time.Hour, time.Hour, time.Hour}}, true},
		"before the first report": {Estimator{}, &DelayTracker{started: true, minDelays: [3]time.Duration{time.Hour, time.Hour, time.Hour}}, false},
		"of a path that is not":   {Estimator{known: true}, &DelayTracker{minDelays: [3]time.Duration{time.Hour, time.Hour, time.Hour}}, false},
	} {
		c.e.ReportLost(c.d, Ack{Arrived: time.Hour + 10*binDuration})
		if got := c.e.arrivals.bins[10].unknown; got != c.want {
			t.Errorf("%s: bin 10 is unknown %t, want %t", name, got, c.want)
		}
	}
}

func TestEstimator_ProbesRaiseIt(t *testing.T) {
	for _, c := range []struct {
		name     string
		e        Estimator
		measured float64
		want     float64
	}{
		{"more", Estimator{bitrate: 1e6}, 2e6, 2e6},
		{"less", Estimator{bitrate: 1e6}, 5e5, 1e6},
		{"more than all", Estimator{bitrate: 1e6}, 2 * maxBitrate, maxBitrate},
		{"while there is a queue", Estimator{bitrate: 1e6, congestion: congestion{congested: true}}, 2e6, 1e6},
		{"with loss", Estimator{bitrate: 1e6, loss: lossTracker{share: highLoss}}, 2e6, 1e6},
		{"with a little less", Estimator{bitrate: 1e6, loss: lossTracker{share: highLoss - 0.001}}, 2e6, 2e6},
	} {
		e := c.e
		if e.applyProbe(c.measured); e.bitrate != c.want {
			t.Errorf("%s: %v, want %v", c.name, e.bitrate, c.want)
		}
	}
}

// What other transports send at the same time is no part of a cluster.
func TestEstimator_AddsToAProbeWhatOthersSend(t *testing.T) {
	for _, c := range []struct {
		others int
		want   float64
	}{{0, 3_800_000}, {1_000_000, 4_800_000}} {
		e := Estimator{known: true, bitrate: 1e6, arrivals: arriving(c.others)}
		var d DelayTracker
		for _, a := range cluster(10, 1000*us, 2000*us) {
			d.probe.add(a)
		}
		e.AddFeedback(2*time.Second, &d, []Ack{{Sent: time.Hour, Lost: true}})
		if !near(e.bitrate, c.want) {
			t.Errorf("beside %d bit/s: %v, want %v", c.others, e.bitrate, c.want)
		}
	}
	e := Estimator{known: true, bitrate: 1e6, arrivals: arriving(0)}
	d := queued(0) // which sent as much as is counted, and more
	for _, a := range cluster(10, 1000*us, 2000*us) {
		d.probe.add(a)
	}
	if e.AddFeedback(2*time.Second, d, []Ack{{Sent: time.Hour, Lost: true}}); !near(e.bitrate, 3_800_000) {
		t.Errorf("beside nothing: %v, want what the cluster measured", e.bitrate)
	}
}

func TestEstimator_AveragesBursts(t *testing.T) {
	var e Estimator
	for i, c := range []struct{ measured, want float64 }{{8e6, 8e6}, {4e6, 6e6}, {6e6, 6e6}} {
		if e.updateBurstBitrate(c.measured); e.burstBitrate != c.want || e.BurstBitrate() != int(c.want) {
			t.Errorf("burst %d: %v, want %v", i, e.burstBitrate, c.want)
		}
	}
}

func TestEstimator_BacksOffToWhatArrives(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name    string
		e       Estimator
		queue   time.Duration
		arrived float64
		want    float64
		backoff backoffState
		rebased bool
	}{
		{"the first time", Estimator{bitrate: 1e6}, 50 * ms, 8e5, 680_000, backoffState{now, 50 * ms}, false},
		{"as far as it is less", Estimator{bitrate: 1e6}, 50 * ms, 2e6, 1e6, backoffState{now, 50 * ms}, false},
		{"while that is not known", Estimator{bitrate: 1e6}, 50 * ms, 0, 1e6, backoffState{}, false},

		{"the sender sends as much as it may", Estimator{bitrate: 1e6, backoff: backoffState{now - 900*ms, 90 * ms}}, 50 * ms, 1.05e6, 1e6, backoffState{now - 900*ms, 90 * ms}, false},
		{"the sender sends too much", Estimator{bitrate: 1e6, backoff: backoffState{now - 900*ms, 90 * ms}}, 50 * ms, 1.06e6, 901_000, backoffState{now, 50 * ms}, false},

		{"it became narrower", Estimator{bitrate: 1e6, backoff: backoffState{now - 401*ms, 90 * ms}, loss: lossTracker{share: 0.11}}, 50 * ms, 6e5, 510_000, backoffState{now, 50 * ms}, false},
		{"just before", Estimator{bitrate: 1e6, backoff: backoffState{now - 400*ms, 90 * ms}, loss: lossTracker{share: 0.11}}, 50 * ms, 6e5, 1e6, backoffState{now - 400*ms, 90 * ms}, false},
		{"without loss", Estimator{bitrate: 1e6, backoff: backoffState{now - 401*ms, 90 * ms}, loss: lossTracker{share: 0.10}}, 50 * ms, 6e5, 1e6, backoffState{now - 401*ms, 90 * ms}, false},
		{"not by much", Estimator{bitrate: 1e6, backoff: backoffState{now - 401*ms, 90 * ms}, loss: lossTracker{share: 0.11}}, 50 * ms, 7e5, 1e6, backoffState{now - 401*ms, 90 * ms}, false},

		{"the queue stays", Estimator{bitrate: 1e6, backoff: backoffState{now - 1001*ms, 90 * ms}}, 90 * ms, 9e5, 1e6, backoffState{}, true},
		{"the queue grows", Estimator{bitrate: 1e6, backoff: backoffState{now - 1001*ms, 90 * ms}}, 99 * ms, 9e5, 1e6, backoffState{}, true},
		{"it had no time to shrink", Estimator{bitrate: 1e6, backoff: backoffState{now - 1000*ms, 90 * ms}}, 90 * ms, 9e5, 1e6, backoffState{now - 1000*ms, 90 * ms}, false},
		{"there is loss", Estimator{bitrate: 1e6, backoff: backoffState{now - 1001*ms, 90 * ms}, loss: lossTracker{share: 0.02}}, 90 * ms, 9e5, 1e6, backoffState{now - 1001*ms, 90 * ms}, false},
		{"it shrinks", Estimator{bitrate: 1e6, backoff: backoffState{now - 1200*ms, 90 * ms}}, 30 * ms, 9e5, 1e6, backoffState{now - 1200*ms, 90 * ms}, false},
		{"it shrinks too slowly", Estimator{bitrate: 1e6, backoff: backoffState{now - 1200*ms, 90 * ms}}, 30*ms + 1, 9e5, 1e6, backoffState{}, true},
	} {
		e, d := c.e, queued(40*ms)
		e.congested, e.burstBitrate = true, 1
		e.backOff(now, d, c.queue, c.arrived)
		if !near(e.bitrate, c.want) || e.backoff != c.backoff {
			t.Errorf("%s: %v, %+v, want %v, %+v", c.name, e.bitrate, e.backoff, c.want, c.backoff)
		}
		if queue, _ := d.standingQueue(); (queue == 0) != c.rebased || e.Congested() == c.rebased {
			t.Errorf("%s: rebased to a queue of %v, congested %t", c.name, queue, e.Congested())
		}
		if backedOff := c.backoff.startedAt == now; (e.burstBitrate == 0) != backedOff || e.BackedOff() != (c.backoff.startedAt != 0) {
			t.Errorf("%s: the bitrate of bursts is %v, backed off %t", c.name, e.burstBitrate, e.BackedOff())
		}
	}
}

func TestEstimator_ReactsToAStandingQueue(t *testing.T) {
	const now = time.Minute
	other := &DelayTracker{}
	for _, c := range []struct {
		name    string
		e       Estimator
		d       *DelayTracker
		queue   bool
		since   time.Duration // afterwards, of a queue
		bitrate float64
	}{
		{"none", Estimator{}, queued(0), false, 0, 1e6},
		{"a short one", Estimator{}, queued(20 * ms), false, 0, 1e6},
		{"one that just began", Estimator{}, queued(20*ms + 1), true, now, 1e6},
		{"one of a second", Estimator{congestion: congestion{congested: true, since: now - time.Second}}, queued(21 * ms), true, now - time.Second, 1e6},
		{"one of a longer time", Estimator{congestion: congestion{congested: true, since: now - time.Second - 1}}, queued(21 * ms), true, now - time.Second - 1, 816_000},
		{"one that began again", Estimator{congestion: congestion{since: now - time.Minute}}, queued(21 * ms), true, now, 1e6},
		{"a queue that is not long", Estimator{}, queued(100 * ms), true, now, 1e6},
		{"a long one", Estimator{}, queued(101 * ms), true, now, 816_000},
		{"a long one that drains", Estimator{}, tracked(1, append(repeat(8, 140*ms), repeat(8, 101*ms)...)...), true, now, 1e6},

		{"a path that collapsed", Estimator{arrivals: arriving(600_000)}, queued(101 * ms), true, now, 357_000},
		{"a path that did not", Estimator{arrivals: arriving(704_000)}, queued(101 * ms), true, now, 598_400},
		{"one of which nothing is known", Estimator{arrivals: arriving(0)}, queued(101 * ms), true, now, 1e6},
		{"soon after a collapse", Estimator{congestion: congestion{congested: true, since: 1, overusedAt: now - 400*ms + 1}}, queued(101 * ms), true, 1, 1e6},
		{"later", Estimator{congestion: congestion{congested: true, since: 1, overusedAt: now - 400*ms}}, queued(101 * ms), true, 1, 816_000},

		{"of another path, just now", Estimator{congestion: congestion{congested: true, path: other, seenAt: now - 500*ms + 1}}, queued(0), true, 0, 1e6},
		{"of another path, before", Estimator{congestion: congestion{congested: true, path: other, seenAt: now - 500*ms}}, queued(0), false, 0, 1e6},
		{"of another path, which is gone", Estimator{congestion: congestion{path: other, seenAt: now}}, queued(0), false, 0, 1e6},
	} {
		e := c.e
		e.bitrate = 1e6
		if e.arrivals.newest == 0 {
			e.arrivals = arriving(960_000)
		}
		if got := e.adjustToQueue(now, c.d, false); got != c.queue || !near(e.bitrate, c.bitrate) {
			t.Errorf("%s: a queue %t, bitrate %v, want %t, %v", c.name, got, e.bitrate, c.queue, c.bitrate)
		}
		if collapsed := c.bitrate == 357_000; (e.overusedAt == now) != collapsed {
			t.Errorf("%s: overused at %v, want a collapse %t", c.name, e.overusedAt, collapsed)
		}
		if c.queue && (!e.congested || e.since != c.since) {
			t.Errorf("%s: congested %t since %v, want %v", c.name, e.congested, e.since, c.since)
		}
	}
	e := Estimator{bitrate: 1e6, arrivals: arriving(960_000), congestion: congestion{congested: true, seenAt: now - 1}}
	d := queued(0)
	if e.path = d; e.adjustToQueue(now, d, false) {
		t.Error("the path that had the queue is empty, and still counts as full")
	}
}

func TestEstimator_CollapseIsRemembered(t *testing.T) {
	edge := Estimator{bitrate: 1_280_000, arrivals: arriving(896_000)} // 70 %
	if edge.adjustToQueue(time.Minute, queued(101*ms), false); edge.overusedAt != 0 {
		t.Error("70 % of the estimate is a collapse")
	}
	e, d := Estimator{bitrate: 1e6, arrivals: arriving(600_000)}, queued(101*ms)
	e.adjustToQueue(time.Minute, d, false)
	if want := (congestion{true, d, time.Minute, time.Minute, time.Minute}); e.congestion != want || e.backoff != (backoffState{time.Minute, 101 * ms}) {
		t.Errorf("%+v, %+v", e.congestion, e.backoff)
	}
}

func TestEstimator_FollowsWhatArrivesWithoutAQueue(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name string
		e    Estimator
		want float64
	}{
		{"as much", Estimator{arrivals: arriving(1_000_000)}, 1e6},
		{"less", Estimator{arrivals: arriving(600_000)}, 1e6},
		{"more", Estimator{arrivals: arriving(1_200_000)}, 1.2e6},
		{"more with loss", Estimator{arrivals: arriving(1_200_000), loss: lossTracker{share: 0.11, inherentShare: 0.10}}, 1e6},
		{"more with a tenth of loss", Estimator{arrivals: arriving(1_200_000), loss: lossTracker{share: 0.10}}, 1.2e6},
		{"much loss", Estimator{arrivals: arriving(600_000), loss: lossTracker{share: 0.2}}, 900_000},
		{"most is lost", Estimator{arrivals: arriving(1_120_000), loss: lossTracker{share: 0.4}}, 952_000},
		{"most is lost of what may be sent", Estimator{arrivals: arriving(1_600_000), loss: lossTracker{share: 0.4}}, 1e6},
		{"without probes", Estimator{probesIgnored: true, adjustedAt: now - 500*ms}, 1.08e6},
		{"without probes, for a second at most", Estimator{probesIgnored: true, adjustedAt: now - 9*time.Second}, 1.16e6},
		{"with probes", Estimator{adjustedAt: now - 500*ms}, 1e6},
	} {
		e := c.e
		e.bitrate, e.congested, e.path, e.backoff = 1e6, true, queued(0), backoffState{1, 1}
		if e.adjust(now, queued(0)); !near(e.bitrate, c.want) {
			t.Errorf("%s: %v, want %v", c.name, e.bitrate, c.want)
		}
		if e.congested || e.path != nil || e.backoff != (backoffState{}) || e.adjustedAt != now {
			t.Errorf("%s: the queue is remembered: %+v, %+v, adjusted at %v", c.name, e.congestion, e.backoff, e.adjustedAt)
		}
	}
}

func TestEstimator_LeavesOutTheLatestTimeWhileTransportsAlternate(t *testing.T) {
	for _, c := range []struct {
		alternated time.Duration // ago
		want       float64
	}{{time.Second - 1, 1.2e6}, {time.Second, 2.1e6}} {
		e := Estimator{bitrate: 1e6, arrivals: arriving(1_200_000), alternatedAt: time.Minute - c.alternated}
		for number := 56; number < 60; number++ { // twice as much
			e.arrivals.bins[number%binCount].bytes *= 4
		}
		if e.adjust(time.Minute, queued(0)); !near(e.bitrate, c.want) {
			t.Errorf("%v after they alternated: %v, want %v", c.alternated, e.bitrate, c.want)
		}
	}
	var e Estimator
	first, second := &DelayTracker{}, &DelayTracker{}
	for i, c := range []struct {
		d    *DelayTracker
		want time.Duration
	}{{first, 0}, {first, 0}, {second, 3}, {second, 3}, {first, 5}} {
		if e.AddFeedback(time.Duration(1+i), c.d, []Ack{{Lost: true}}); e.alternatedAt != c.want {
			t.Errorf("report %d: alternated at %d, want %d", i+1, e.alternatedAt, c.want)
		}
	}
}

func TestEstimator_IgnoresProbesAsSet(t *testing.T) {
	var e Estimator
	for _, ignored := range []bool{true, false} {
		if e.SetProbesIgnored(ignored); e.probesIgnored != ignored {
			t.Errorf("ignored %t, want %t", e.probesIgnored, ignored)
		}
	}
}
