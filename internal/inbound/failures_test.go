package inbound

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailures_AllowTenAtOnceAndOneEverySixSeconds(t *testing.T) {
	const sixty4, sameSixty4, otherSixty4 = "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"
	type step struct {
		after           time.Duration
		times           int
		from            string
		tooMany, report bool
	}
	for name, steps := range map[string][]step{
		"the eleventh of a /64 is reported":    {{0, 10, sixty4, false, false}, {0, 1, sameSixty4, true, true}},
		"the twelfth is not":                   {{0, 10, sixty4, false, false}, {0, 1, sixty4, true, true}, {0, 9, sixty4, true, false}},
		"another /64 is counted apart":         {{0, 10, sixty4, false, false}, {0, 1, sixty4, true, true}, {0, 10, otherSixty4, false, false}},
		"one more before six seconds":          {{0, 10, sixty4, false, false}, {6*time.Second - 1, 1, sixty4, true, true}},
		"one more after six seconds":           {{0, 10, sixty4, false, false}, {6 * time.Second, 1, sixty4, false, false}, {0, 1, sixty4, true, true}},
		"reported again after a minute":        {{0, 10, sixty4, false, false}, {0, 1, sixty4, true, true}, {time.Minute, 10, sixty4, false, false}, {0, 1, sixty4, true, true}},
		"not reported again before the minute": {{0, 10, sixty4, false, false}, {0, 1, sixty4, true, true}, {time.Minute - 1, 9, sixty4, false, false}, {0, 1, sixty4, true, false}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var f Failures
			for i, s := range steps {
				time.Sleep(s.after)
				for range s.times {
					if tooMany, report := f.Add(netip.MustParseAddr(s.from)); tooMany != s.tooMany || report != s.report {
						t.Errorf("%s: step %d: too many %t, reported %t, expected %t, %t", name, i, tooMany, report, s.tooMany, s.report)
					}
				}
			}
		})
	}
}

func TestFailures_RememberABoundedNumberOfNetworks(t *testing.T) {
	var f Failures
	largest := 0
	for i := range maxNetworks + 10 {
		f.Add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		largest = max(largest, len(f.networks))
	}
	if largest != maxNetworks || len(f.networks) != maxNetworks {
		t.Errorf("%d networks at once, %d at the end, expected %d", largest, len(f.networks), maxNetworks)
	}
}
