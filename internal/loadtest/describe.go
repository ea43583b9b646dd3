package loadtest

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// A Comparison is two measurements by one config.
type Comparison struct {
	Other Report `json:"other"`
	Ours  Report `json:"ours"`
	// PerPacket is the processor time of the other server for a packet, divided by ours; 0
	// is unknown.
	PerPacket float64 `json:"cpuPerPacketRatio,omitempty"`
}

// Compare compares two reports.
func Compare(other, ours Report) Comparison {
	c := Comparison{Other: other, Ours: ours}
	if other.PerPacket != nil && ours.PerPacket != nil && *ours.PerPacket > 0 {
		c.PerPacket = *other.PerPacket / *ours.PerPacket
	}
	return c
}

// Describe writes both reports as tables.
func (c Comparison) Describe(w io.Writer) {
	fmt.Fprint(w, "the other server\n\n")
	c.Other.Describe(w)
	fmt.Fprint(w, "\nrostrum\n\n")
	c.Ours.Describe(w)
	if c.PerPacket > 0 {
		fmt.Fprintf(w, "\nThe other server uses %.1f times as much processor time for a packet.\n", c.PerPacket)
	}
}

// Describe writes the report as a table.
func (r Report) Describe(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-22s "+format+"\n", append([]any{name}, args...)...)
	}
	row("subscriptions", "%d of %d (%d viewers of %d publishers)", r.Subscriptions, r.Viewers*r.Publishers, r.Viewers, r.Publishers)
	for _, why := range r.Failures {
		row("  not joined", "%s", why)
	}
	row("forwarded", "%.0f packets/s, %.1f Mbit/s, %.1f frames/s each", r.Packets, r.Bits/1e6, r.Pictures)
	row("lost", "%.4f %%, never repaired %.4f %%; retransmitted %.4f %%; overflow of receiving sockets %.4f %%", 100*r.Lost, 100*r.Missing, 100*r.Retransmitted, 100*r.Overflowed)
	row("latency", "%s", r.Latency)
	if r.AudioLatency.Max > 0 {
		row("audio latency", "%s", r.AudioLatency)
	}
	row("join to first packet", "%s", r.FirstPacket)
	row("join to first picture", "%s", r.FirstPicture)
	if r.PerPacket != nil {
		row("server's processor", "%.2f cores, %.2f µs per packet, %.2f ms per second and viewer", *r.Cores, *r.PerPacket, *r.PerViewer)
		row("server's memory", "%.0f KiB per subscription, %.0f MiB in all", *r.Memory, *r.Resident)
	}
	if r.Own != nil {
		row("this process", "%.2f cores", *r.Own)
	}
	for _, h := range []struct {
		whose  string
		stalls *Stalls
	}{{"the server's", r.ServerStalls}, {"this process's", r.OwnStalls}} {
		if h.stalls != nil {
			row("machine", "%s processor stalled %d times, %.0f ms in all, %.0f ms at most", h.whose, h.stalls.Times, h.stalls.Sum, h.stalls.Longest)
		}
	}
	if r.Stolen != nil {
		row("", "the hypervisor took %.0f ms of processor time", *r.Stolen)
	}
	if load := loadAverage(); load != "" {
		row("", "load average %s", load)
	}
}

// String is the spread as a row of a table.
func (s Spread) String() string {
	return fmt.Sprintf("p50 %.1f   p95 %.1f   p99 %.1f   max %.1f ms", s.P50, s.P95, s.P99, s.Max)
}

// loadAverage is the load of the machine, where it can be read.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
