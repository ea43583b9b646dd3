package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"rostrum/internal/loadtest"
)

// A capacitySearch loads one server with more and more viewers.
type capacitySearch struct {
	*match
	arena   *arena
	name    string
	viewers int
	reports map[int]loadtest.Report
}

// joinRate is viewers a second, while nothing is measured.
const joinRate = 80

// to brings as many viewers as are missing to n, and measures.
func (c *capacitySearch) to(ctx context.Context, n int) (loadtest.Report, error) {
	if err := c.join(ctx, n-c.viewers, joinRate); err != nil {
		return loadtest.Report{}, err
	}
	c.viewers = n
	rep, err := c.Measure(ctx, c.arena.seconds)
	if err != nil {
		return rep, err
	}
	c.reports[n] = rep
	c.arena.results.report(fmt.Sprintf("%s-%d", c.name, n), rep)
	own := 0.0
	if rep.Own != nil {
		own = *rep.Own
	}
	fmt.Fprintf(os.Stderr, "%s, %d viewers: %.2f µs a packet, %.2f cores, lost %.3f %%, latency p50 %.1f p99 %.1f ms; measuring %.2f cores; %s\n",
		c.name, n, micros(rep), cores(rep), 100*rep.Lost, rep.Latency.P50, rep.Latency.P99, own, halts(rep))
	return rep, nil
}

// upTo goes up from a number on until something is lost, or to most, by whole steps while
// there is room and by half ones when it gets narrow. It returns the greatest number that
// was served without loss, and the first that was not.
func (c *capacitySearch) upTo(ctx context.Context, from, step, limit int) (good, bad int, err error) {
	for n := from; n <= limit; {
		rep, err := c.to(ctx, n)
		if err != nil {
			return good, bad, err
		}
		if !clean(rep, n) {
			return good, n, nil
		}
		good = n
		if n += step; cores(rep) > roomy {
			n -= step / 2
		}
	}
	return good, 0, nil
}

const roomy = 0.7 // cores; below, a larger step does no harm

// capacity is what a processor carries.
type capacity struct {
	perViewer float64 // cores, among a thousand
}

// measureCapacity compares the plain forwarder and ours, with the same packets, at 200
// viewers and at the plain one's limit, and finds ours.
func (a *arena) measureCapacity(ctx context.Context) (found capacity, err error) {
	plan, err := specified(loadtest.ClipConfig{})
	if err != nil {
		return found, err
	}
	theirs, limit, err := a.findForwarderLimit(ctx, plan)
	if err != nil {
		return found, err
	}
	m, err := a.ours(ctx, 1, plan)
	if err != nil {
		return found, err
	}
	ours := &capacitySearch{match: m, arena: a, name: "rostrum", reports: map[int]loadtest.Report{}}
	defer func() { err = errors.Join(err, ours.close()) }()
	for _, n := range []int{100, 200, limit, 500, 1000} {
		if n <= ours.viewers {
			continue
		}
		if _, err := ours.to(ctx, n); err != nil {
			return found, err
		}
	}
	good, bad, err := ours.upTo(ctx, 1500, 500, 3000)
	if err != nil {
		return found, err
	}
	if good == 0 && clean(ours.reports[1000], 1000) {
		good = 1000
	}
	a.tellCapacity(ours, theirs, limit, good, bad)
	return capacity{perViewer: cores(ours.reports[1000]) / 1000}, nil
}

// findForwarderLimit finds the plain forwarder's limit.
func (a *arena) findForwarderLimit(ctx context.Context, plan loadtest.Plan) (reports map[int]loadtest.Report, limit int, err error) {
	m, err := a.theirs(ctx, plan)
	if err != nil {
		return nil, 0, err
	}
	c := &capacitySearch{match: m, arena: a, name: "plain forwarder", reports: map[int]loadtest.Report{}}
	defer func() { err = errors.Join(err, c.close()) }()
	if _, err := c.to(ctx, 100); err != nil {
		return nil, 0, err
	}
	limit, _, err = c.upTo(ctx, 200, 100, 800)
	return c.reports, max(limit, 100), err
}

// tellCapacity notes what was promised of it.
func (a *arena) tellCapacity(ours *capacitySearch, theirs map[int]loadtest.Report, limit, good, bad int) {
	r := a.results
	both := func(n int) string {
		return fmt.Sprintf("plain forwarder %.2f µs, Rostrum %.2f µs", micros(theirs[n]), micros(ours.reports[n]))
	}
	share := func(n int) float64 { return 100 * micros(ours.reports[n]) / max(micros(theirs[n]), 0.01) }
	r.maxRate("200 viewers of one publisher", "a forwarded packet, against the plain forwarder", share(200), 100*costAtTwoHundred, "%", both(200))
	r.maxRate(fmt.Sprintf("%d viewers: the plain forwarder's limit", limit), "a forwarded packet, against the plain forwarder", share(limit), 100*costAtSaturation, "%", both(limit))
	thousand := ours.reports[1000]
	r.maxRate("1,000 viewers", "lost", 100*thousand.Lost, 100*lossless, "%", bound(thousand))
	r.maxRate("", "a forwarded packet", micros(thousand), 0, "µs", fmt.Sprintf("%.2f cores; the measuring itself %.2f", cores(thousand), *thousand.Own))
	r.maxRate("", "added latency, p99", thousand.Latency.P99, 0, "ms", strings.TrimSuffix(fmt.Sprintf("p50 %.1f ms; %s", thousand.Latency.P50, halts(thousand)), "; "))
	if thousand.Memory != nil && theirs[limit].Memory != nil {
		r.maxRate("", "memory a viewer", *thousand.Memory, memoryKiB, "KiB", fmt.Sprintf("plain forwarder %.0f KiB", *theirs[limit].Memory))
	}
	hundred := ours.reports[100]
	r.maxRate("", "a viewer's cost against one of 100", cores(thousand)/10/max(cores(hundred), 0.001), growth, "", fmt.Sprintf("%.2f → %.2f µs a packet", micros(hundred), micros(thousand)))
	last := ours.reports[good]
	note := fmt.Sprintf("plain forwarder %d, Rostrum %d at %.2f cores", limit, good, cores(last))
	if bad != 0 {
		if b := bound(ours.reports[bad]); b != "" {
			note += fmt.Sprintf("; at %d %s", bad, b)
		}
	}
	r.atLeast("most viewers without loss", "against the plain forwarder", float64(good)/float64(limit), manyTimes, "times", note)
}
