package bandwidth

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestDelayTracker_MeasuresAgainstTheFastestPacket(t *testing.T) {
	type packet struct{ sent, delay, queue time.Duration }
	for name, packets := range map[string][]packet{
		"a slower one waited":               {{0, 10 * ms, 0}, {1 * ms, 30 * ms, 20 * ms}, {2 * ms, 10 * ms, 0}},
		"a faster one is the new base":      {{0, 10 * ms, 0}, {1 * ms, 7 * ms, 0}, {2 * ms, 10 * ms, 3 * ms}},
		"clocks need not agree":             {{0, -time.Hour, 0}, {1 * ms, 20*ms - time.Hour, 20 * ms}},
		"the base is remembered for 8 s":    {{0, 10 * ms, 0}, {4 * time.Second, 30 * ms, 20 * ms}, {8 * time.Second, 30 * ms, 20 * ms}, {12*time.Second - 1, 30 * ms, 20 * ms}},
		"and forgotten after that":          {{0, 10 * ms, 0}, {4 * time.Second, 30 * ms, 20 * ms}, {8 * time.Second, 30 * ms, 20 * ms}, {12 * time.Second, 30 * ms, 0}},
		"also without packets for a while":  {{0, 10 * ms, 0}, {12 * time.Second, 30 * ms, 0}},
		"not before":                        {{0, 10 * ms, 0}, {12*time.Second - 1, 30 * ms, 20 * ms}},
		"a base that is not the first":      {{4 * time.Second, 10 * ms, 0}, {8 * time.Second, 30 * ms, 20 * ms}, {12 * time.Second, 30 * ms, 20 * ms}},
		"an hour without packets":           {{0, 10 * ms, 0}, {time.Hour, 30 * ms, 0}},
		"the longest queue":                 {{0, 10 * ms, 0}, {1 * ms, 10*time.Second + 10*ms, 10 * time.Second}},
		"a longer one is a clock that jump": {{0, 10 * ms, 0}, {1 * ms, 10*time.Second + 10*ms + 1, 0}, {2 * ms, 10*time.Second + 11*ms, ms - 1}},
		"a sender's clock that went back":   {{8 * time.Second, 10 * ms, 0}, {4*time.Second - 1, 30 * ms, 0}, {4 * time.Second, 10 * ms, 0}, {5 * time.Second, 30 * ms, 20 * ms}},
		"packets in disorder":               {{8 * time.Second, 10 * ms, 0}, {4 * time.Second, 30 * ms, 20 * ms}, {8 * time.Second, 30 * ms, 20 * ms}},
		"a time before the first":           {{-time.Second, 10 * ms, 0}, {-time.Second, 30 * ms, 0}},
	} {
		var d DelayTracker
		for i, p := range packets {
			if got := d.add(p.sent, p.sent+p.delay, 1); got != p.queue {
				t.Errorf("%s: packet %d waited %v, want %v", name, i, got, p.queue)
			}
		}
	}
}

// tracked returns a tracker whose base is a delay of zero, and that has seen one packet of
// 100 bytes for each wait, step windows apart, the latest in window 60.
func tracked(step int, waits ...time.Duration) *DelayTracker {
	d := &DelayTracker{}
	d.add(0, 0, 0)
	for i, wait := range waits {
		left := time.Duration(60-step*(len(waits)-1-i)) * windowDuration
		d.add(left-wait, left, 100)
	}
	return d
}

func repeat(n int, wait time.Duration) (all []time.Duration) {
	for range n {
		all = append(all, wait)
	}
	return all
}

func TestDelayTracker_SeesAStandingQueue(t *testing.T) {
	for _, c := range []struct {
		name     string
		d        *DelayTracker
		queue    time.Duration
		draining bool
	}{
		{"nothing arrived", &DelayTracker{}, 0, false},
		{"a full window", tracked(1, repeat(16, 40*ms)...), 40 * ms, false},
		{"the shortest wait of all", tracked(1, append(repeat(15, 40*ms), 39*ms)...), 39 * ms, false},
		{"one that did not wait", tracked(1, append(append(repeat(7, 40*ms), 0), repeat(8, 40*ms)...)...), 0, false},
		{"six packets", tracked(3, repeat(6, 40*ms)...), 40 * ms, false},
		{"five packets say nothing", tracked(3, repeat(5, 40*ms)...), 0, false},
		{"300 ms", tracked(1, repeat(13, 40*ms)...), 40 * ms, false},
		{"a shorter time says nothing", tracked(1, repeat(12, 40*ms)...), 0, false},
		{"the oldest of 400 ms counts", tracked(1, append([]time.Duration{20 * ms}, repeat(15, 40*ms)...)...), 20 * ms, false},
		{"an older one does not", tracked(1, append([]time.Duration{20 * ms}, repeat(16, 40*ms)...)...), 40 * ms, false},
		{"it shrinks by 6 ms", tracked(1, append(repeat(8, 40*ms), repeat(8, 34*ms)...)...), 34 * ms, false},
		{"it drains", tracked(1, append(repeat(8, 40*ms), repeat(8, 34*ms-1)...)...), 34*ms - 1, true},
		{"it began to drain earlier", tracked(1, append(repeat(7, 40*ms), repeat(9, 30*ms)...)...), 30 * ms, false},
		{"it grows", tracked(1, append(repeat(8, 30*ms), repeat(8, 40*ms)...)...), 30 * ms, false},
	} {
		if queue, draining := c.d.standingQueue(); queue != c.queue || draining != c.draining {
			t.Errorf("%s: %v, draining %t, want %v, %t", c.name, queue, draining, c.queue, c.draining)
		}
	}
}

// Windows that have seen no packet yet have not seen an empty queue.
func TestDelayTracker_SeesAStandingQueueSoonAfterARebase(t *testing.T) {
	var d DelayTracker
	d.add(0, 0, 100)
	d.rebase()
	for number := time.Duration(3); number <= 15; number++ {
		d.add(number*windowDuration-40*ms, number*windowDuration, 100)
	}
	if queue, draining := d.standingQueue(); queue != 40*ms || draining {
		t.Errorf("%v, draining %t, want 40 ms", queue, draining)
	}
}

func TestDelayTracker_SeesOveruse(t *testing.T) {
	for _, c := range []struct {
		name string
		d    *DelayTracker
		want time.Duration
	}{
		{"a long queue", tracked(1, repeat(8, 101*ms)...), 101 * ms},
		{"not long enough", tracked(1, repeat(8, 100*ms)...), 0},
		{"for 150 ms", tracked(1, repeat(7, 101*ms)...), 101 * ms},
		{"for a shorter time", tracked(1, repeat(6, 101*ms)...), 0},
		{"a short one 200 ms ago", tracked(1, append([]time.Duration{ms}, repeat(8, 101*ms)...)...), 101 * ms},
		{"a short one since", tracked(1, append([]time.Duration{ms}, repeat(7, 101*ms)...)...), 0},
		{"it drains", tracked(1, append(repeat(4, 130*ms), repeat(4, 123*ms)...)...), 0},
		{"it hardly drains", tracked(1, append(repeat(4, 130*ms), repeat(4, 124*ms)...)...), 124 * ms},
	} {
		if got := c.d.overuse(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDelayTracker_CountsBytesOfTheLatestWindows(t *testing.T) {
	for _, c := range []struct {
		name    string
		d       *DelayTracker
		packets float64 // that count
	}{
		{"four", tracked(1, repeat(4, 0)...), 4},
		{"all that fit", tracked(1, repeat(16, 0)...), 16},
		{"more", tracked(1, repeat(30, 0)...), 16},
		{"some of a window that is not the latest", func() *DelayTracker {
			d := tracked(1, repeat(16, 0)...)
			d.add(50*windowDuration, 50*windowDuration, 100) // late, but its window is there
			d.add(60*windowDuration, 60*windowDuration, 100)
			d.add(44*windowDuration, 44*windowDuration, 100) // too late
			return d
		}(), 18},
	} {
		if got, want := c.d.bitrate(), c.packets*100*8/0.4; got != want {
			t.Errorf("%s: %v bit/s, want %v", c.name, got, want)
		}
	}
}

func TestDelayTracker_CountsTheFirstWindow(t *testing.T) {
	var d DelayTracker
	d.add(0, 0, 100)
	if got := d.bitrate(); got != 2000 {
		t.Errorf("%v bit/s, want 2000", got)
	}
}

func TestDelayTracker_RebaseTakesTheQueueAsTheNewDelay(t *testing.T) {
	d := tracked(1, repeat(16, 40*ms)...)
	d.rebase()
	if queue, _ := d.standingQueue(); queue != 0 || d.bitrate() != 0 {
		t.Errorf("the queue is %v, the bitrate %v", queue, d.bitrate())
	}
	for delay, want := range map[time.Duration]time.Duration{40 * ms: 0, 55 * ms: 15 * ms} {
		if got := d.add(2*time.Second, 2*time.Second+delay, 100); got != want {
			t.Errorf("a delay of %v is a queue of %v, want %v", delay, got, want)
		}
	}
	if d.add(2*time.Second, 2*time.Second+10*ms, 100); d.add(2*time.Second, 2*time.Second+40*ms, 100) != 30*ms {
		t.Error("a faster packet is not the new base")
	}
}
