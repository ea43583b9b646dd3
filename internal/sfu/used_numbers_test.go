package sfu

import "testing"

func TestForwarderUsedNumbers_MarkEachNumberOnce(t *testing.T) {
	type step struct {
		number uint64
		fresh  bool
	}
	for name, steps := range map[string][]step{
		"in order":                   {{100, true}, {100, false}, {101, true}, {100, false}, {101, false}},
		"late":                       {{100, true}, {105, true}, {103, true}, {103, false}, {104, true}, {105, false}},
		"the oldest that is known":   {{100, true}, {100 + usedNumbersSize, true}, {101, true}, {101, false}},
		"one that is too old":        {{100, true}, {100 + usedNumbersSize, true}, {100, false}},
		"one that was used, kept":    {{101, true}, {100 + usedNumbersSize, true}, {101, false}},
		"after a jump of the size":   {{101, true}, {101 + usedNumbersSize, true}, {102, true}, {100 + usedNumbersSize, true}},
		"after a jump of twice that": {{100, true}, {100 + 2*usedNumbersSize, true}, {101 + usedNumbersSize, true}, {101 + usedNumbersSize, false}, {100 + 2*usedNumbersSize, false}},
		"after a far jump":           {{100, true}, {1 << 40, true}, {1<<40 - 1, true}, {1<<40 - usedNumbersSize + 1, true}, {1<<40 - usedNumbersSize, false}},
		"from one on":                {{1, true}, {5, true}, {1, false}, {2, true}, {2, false}},
		"all of a jump are free":     {{63, true}, {64, true}, {64 + 130, true}, {65, true}, {127, true}, {128, true}, {193, true}, {63, false}},
	} {
		var u usedNumbers
		last, started := uint64(0), false
		for i, s := range steps {
			before := last
			if !started {
				before, started = s.number-1, true
			}
			if got := u.markUsed(s.number, before); got != s.fresh {
				t.Errorf("%s: step %d, number %d: %t, want %t", name, i, s.number, got, s.fresh)
			}
			if i == 0 || s.number > last {
				last = s.number
			}
		}
	}
}

// Numbers between the last one and a new one are free, also where the ring had old ones.
func TestForwarderUsedNumbers_FreeWhatIsSkipped(t *testing.T) {
	var u usedNumbers
	last := uint64(999)
	for n := uint64(1000); n < 1000+usedNumbersSize; n++ {
		u.markUsed(n, last)
		last = n
	}
	u.markUsed(last+300, last)
	for n := last + 1; n < last+300; n++ {
		if !u.markUsed(n, last+300) {
			t.Fatalf("number %d was skipped and is marked as used", n)
		}
	}
	for n := last + 301 - usedNumbersSize; n <= last; n++ {
		if u.markUsed(n, last+300) {
			t.Fatalf("number %d was used and is marked as free", n)
		}
	}
}
