package sfu

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestLosses_AskInTimeAndGiveUp(t *testing.T) {
	var l lossDetector
	l.record(10, 0, false)
	l.record(14, 0, false)
	l.record(12, 0, false) // it was only late
	ask, _ := l.takeDue(nil, 1e6, 50e6)
	if !slices.Equal(ask, []uint64{11, 13}) {
		t.Errorf("asked %v where nothing was ever overtaken, want 11 and 13 at once", ask)
	}
	var times []time.Duration
	failed := 0
	for now := 2 * time.Millisecond; now < 6e9; now += 1e6 {
		ask, given := l.takeDue(nil, now, 50e6)
		if len(ask) > 0 {
			times = append(times, now)
		}
		failed += given
	}
	if len(times) != maxNackTries-1 || failed != 2 || len(l.missing) != 0 {
		t.Errorf("asked again %d times, gave up %d, %d still missing; want %d, 2 and 0", len(times), failed, len(l.missing), maxNackTries-1)
	}
	before, pause := time.Millisecond, time.Duration(0)
	for _, at := range times {
		if at-before < 50e6 || at-before < pause {
			t.Errorf("requested after %v, before that after %v; want a round trip of 50 ms and ever more", (at-before)/1e6, pause/1e6)
		}
		before, pause = at, at-before
	}
	if !l.record(60_000, 0, false) || len(l.missing) != 0 {
		t.Error("a jump over the limit is to be given up at once")
	}
}

// TestLosses_WaitForWhatIsOnlyLate sends 300 packets a second over paths that lose and mix up,
// to a publisher that answers each request a round trip later.
func TestLosses_WaitForWhatIsOnlyLate(t *testing.T) {
	const rtt = 200 * time.Millisecond
	for _, path := range []struct {
		name      string
		loss      float64
		jitter    time.Duration // reorders packets
		own       bool          // retransmissions have an SSRC of their own
		needless  float64       // requests for packets that were not lost, share of all packets, at most
		promptest time.Duration // from the gap to the first request for a lost packet, mean, at most
	}{
		{"loss is requested at once", 0.05, 0, true, 0, 10e6},
		{"without RTX too", 0.05, 0, false, 0, 10e6},
		{"reordering is waited for", 0, 60e6, true, 0.04, 0},
		{"without RTX too", 0, 60e6, false, 0.04, 0},
		{"both", 0.02, 60e6, true, 0.04, 60e6},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		var l lossDetector
		type event struct {
			sequence uint64
			repaired bool
		}
		due := map[time.Duration][]event{} // by millisecond
		lostAt, askedFor, arrived := map[uint64]bool{}, map[uint64]int{}, map[uint64]bool{}
		var waited, firsts, needless time.Duration
		sequence := uint64(0)
		for ms := range time.Duration(60_000) {
			if ms%10 == 0 && ms < 59_000 {
				for range 3 {
					sequence++
					if r.Float64() < path.loss {
						lostAt[sequence] = true
						continue
					}
					at := ms + 100 + time.Duration(r.Int64N(path.jitter.Milliseconds()+1))
					due[at] = append(due[at], event{sequence, false})
				}
			}
			for _, e := range due[ms] {
				if !arrived[e.sequence] {
					arrived[e.sequence] = true
					l.record(e.sequence, ms*time.Millisecond, e.repaired && path.own)
				}
			}
			delete(due, ms)
			if ms%10 != 5 {
				continue
			}
			missing := slices.Clone(l.missing)
			ask, _ := l.takeDue(nil, ms*time.Millisecond, rtt)
			for _, s := range ask {
				askedFor[s]++
				due[ms+rtt/time.Millisecond] = append(due[ms+rtt/time.Millisecond], event{s, true})
				if ms < 10_000 {
					continue // it learns
				}
				if !lostAt[s] {
					needless++
				} else if i := slices.IndexFunc(missing, func(m missingPacket) bool { return m.sequence == s }); askedFor[s] == 1 {
					waited, firsts = waited+ms*time.Millisecond-missing[i].since, firsts+1
				}
			}
		}
		if share := float64(needless) / float64(sequence); share > path.needless {
			t.Errorf("%s: %.1f %% of all packets were asked for needlessly, want at most %.1f %%", path.name, 100*share, 100*path.needless)
		}
		if firsts > 0 && waited/firsts > path.promptest {
			t.Errorf("%s: a lost packet was requested after %d ms, want at most %d", path.name, waited/firsts/1e6, path.promptest/1e6)
		}
		for s := uint64(2); s <= sequence; s++ {
			if lostAt[s] && !arrived[s] && s < sequence-3 {
				t.Errorf("%s: packet %d never came", path.name, s)
				break
			}
		}
		t.Logf("%s: NACK delay %d ms, needless %.2f %%, first request after %d ms", path.name, l.reordering.nackDelay/1e6, 100*float64(needless)/float64(sequence), waited/max(firsts, 1)/1e6)
	}
}

func TestAnswers_KnowWhatIsUnderWay(t *testing.T) {
	var a repairLog
	if a.sentWithin(0, 5, 50e6) {
		t.Error("0 was never sent again, and is said to be under way")
	}
	a.record(7, 1e9)
	for _, c := range []struct {
		name   string
		number uint16
		now    time.Duration
		want   bool
	}{
		{"before half a round trip", 7, 1e9 + 40e6, true},
		{"after it", 7, 1e9 + 60e6, false},
		{"another number", 7 + 64, 1e9 + 1, false},
	} {
		if got := a.sentWithin(c.number, c.now, 50e6); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
