package netem

import (
	"testing"
	"time"
)

// A call is two browsers that see and hear each other: Ann's is at the far end of
// the bad path, Bob's next to the server. What Ann sees has come down the path,
// what Bob sees has gone up.
type call struct {
	*testing.T
	testbed  *testbed
	ann, bob *browser
}

func (c *call) both(f func(b *browser)) {
	f(c.ann)
	f(c.bob)
}

// begins brings both onto a new stage, under conditions, and waits until both see a
// moving picture.
func (c *call) begins(now conditions) {
	c.Helper()
	c.testbed.path.set(now)
	c.testbed.newStage()
	began := time.Now()
	c.both(func(b *browser) { b.order("join", origin+"/stage/#"+c.testbed.token(b.name)) })
	c.both(func(b *browser) {
		after := b.await(began, 30*time.Second, 0, "the other's picture", func(now, _ view) bool { return now.Shown > 10 })
		c.Logf("%s saw the other %v after both began to join", b.name, after.Round(time.Millisecond))
	})
}

func (c *call) ends() {
	c.testbed.path.set(conditions{})
	c.both(func(b *browser) { b.order("leave", "") })
}

// runs lets the call go on, shoots it and sums up what each saw of the other.
func (c *call) runs(what string, d time.Duration) (ann, bob tally) {
	c.Helper()
	began := time.Now()
	time.Sleep(d)
	ann, bob = c.sums(what, began)
	c.both(func(b *browser) { b.shoot(what) })
	return ann, bob
}

func (c *call) sums(what string, began time.Time) (ann, bob tally) {
	c.Helper()
	ann, bob = sum(c.ann.since(began)), sum(c.bob.since(began))
	c.Logf("%s: Ann saw Bob: %v", what, ann)
	c.Logf("%s: Bob saw Ann: %v", what, bob)
	for _, s := range []tally{ann, bob} {
		if s.damaged > maxDamaged {
			c.Errorf("%s: %.0f %% of a picture's background isn't what the camera filmed: it's damaged", what, 100*s.damaged)
		}
	}
	return ann, bob
}

// mostStrange is the share of the background that may look otherwise than filmed: what little
// pictures blur.
const maxDamaged = 0.05

func TestBrowsersKeepTheirCall(t *testing.T) {
	needBrowsers(t)
	w := newEmptyTestbed(t, 5*time.Minute)
	c := &call{T: t, testbed: w, ann: w.browse("ann", w.viewer), bob: w.browse("bob", w.server)}
	for _, network := range []struct {
		name string
		run  func(*call)
	}{
		{"five percent loss", fivePercent},
		{"bursts of loss", bursts},
		{"jitter", jitter},
		{"a rate that falls", fallingRate},
		{"a blackout", blackout},
		{"another mapping", anotherMapping},
		{"no UDP", withoutUDP},
	} {
		t.Run(network.name, func(t *testing.T) {
			w.T = t
			network.run(&call{T: t, testbed: w, ann: c.ann, bob: c.bob})
		})
	}
	w.T = t
}

func fivePercent(c *call) {
	c.begins(conditions{loss: 0.05, delay: 10 * time.Millisecond})
	defer c.ends()
	c.settles()
	ann, bob := c.runs("five percent loss", 12*time.Second)
	for _, s := range []tally{ann, bob} {
		c.within("the longest freeze", s.longest, time.Second)
		if s.concealed >= 0.03 {
			c.Errorf("%.1f %% of the sound was concealed, want less than 3 %%", 100*s.concealed)
		}
	}
}

func bursts(c *call) {
	c.begins(conditions{loss: 0.1, burst: 4, delay: 10 * time.Millisecond})
	defer c.ends()
	time.Sleep(3 * time.Second)
	ann, bob := c.runs("bursts of loss", 12*time.Second)
	for _, s := range []tally{ann, bob} {
		c.within("the longest freeze", s.longest, 2*time.Second)
	}
}

func jitter(c *call) {
	c.begins(conditions{delay: 100 * time.Millisecond, jitter: 30 * time.Millisecond})
	defer c.ends()
	time.Sleep(3 * time.Second)
	ann, bob := c.runs("jitter", 10*time.Second)
	c.within("the longest freeze", ann.longest, time.Second)
	// Ann's browser takes jitter for a queue and starves the best layer of pictures.
	c.within("the longest freeze", bob.longest, 2*time.Second)
	// Until it estimates more again it may send the smallest layer alone.
	after := c.bob.await(time.Now(), 20*time.Second, time.Second, "an upper layer", func(v, _ view) bool { return v.Incoming.Width >= 640 })
	c.Logf("Bob saw an upper layer after further %v", after.Round(time.Millisecond))
}

func fallingRate(c *call) {
	at := func(rate float64) conditions { return conditions{rate: rate, delay: 15 * time.Millisecond} }
	c.begins(at(4e6))
	defer c.ends()
	best := func(v, _ view) bool { return v.Incoming.Width == 1280 }
	c.both(func(b *browser) {
		b.await(time.Now(), 30*time.Second, 3*time.Second, "the best layer at 4 Mbps", best)
	})
	began := time.Now()
	c.testbed.path.set(at(500e3))
	down := c.ann.await(began, 10*time.Second, 3*time.Second, "a lower layer at 500 kbps", func(v, before view) bool { return !best(v, before) })
	c.Logf("Ann got a lower layer after %v", down.Round(time.Millisecond))
	// TestNetwork_LayersFollowTheRate holds the two seconds that are promised; the reports of
	// a browser whose path is full in both directions wait in line or are lost.
	c.within("the way down", down, 3*time.Second)
	time.Sleep(6 * time.Second)
	ann, bob := c.sums("at 500 kbps", began)
	for _, s := range []tally{ann, bob} {
		c.within("the longest freeze", s.longest, 3*time.Second)
	}
	c.both(func(b *browser) { b.shoot("500 kbps") })
	began = time.Now()
	c.testbed.path.set(at(4e6))
	up := c.ann.await(began, 20*time.Second, 2*time.Second, "the best layer at 4 Mbps again", best)
	c.Logf("Ann got the best layer again after %v", up.Round(time.Millisecond))
	c.within("the way up", up, 10*time.Second)
	// Chromium's estimate grows by 8 % a second, and later where it has too little processor time.
	up = c.bob.await(began, 45*time.Second, 2*time.Second, "the best layer of a publisher at 4 Mbps again", best)
	c.Logf("Bob got the best layer again after %v", up.Round(time.Millisecond))
	c.within("the publisher's way up", up, 25*time.Second)
	c.both(func(b *browser) { b.shoot("4 Mbps again") })
}

func blackout(c *call) {
	c.begins(conditions{})
	defer c.ends()
	c.settles()
	c.testbed.path.set(conditions{dark: true})
	time.Sleep(5 * time.Second)
	c.both(func(b *browser) { b.shoot("in a blackout") })
	time.Sleep(5 * time.Second)
	began := time.Now()
	c.testbed.path.set(conditions{})
	c.comesBack("a blackout of 10 s", began, 3*time.Second)
	c.both(func(b *browser) { b.shoot("after a blackout") })
}

func anotherMapping(c *call) {
	c.begins(conditions{})
	defer c.ends()
	c.settles()
	began := time.Now()
	c.testbed.path.set(conditions{moved: 0x0101})
	time.Sleep(300 * time.Millisecond) // what was under way has arrived
	c.comesBack("another mapping", began, 8*time.Second)
	c.both(func(b *browser) { b.shoot("another mapping") })
}

func withoutUDP(c *call) {
	c.begins(conditions{noUDP: true, delay: 10 * time.Millisecond})
	defer c.ends()
	ann, bob := c.runs("no UDP", 6*time.Second)
	for _, s := range []tally{ann, bob} {
		c.within("the longest freeze", s.longest, time.Second)
	}
	if p := c.ann.last().Incoming.Protocol; p != "tcp" {
		c.Errorf("Ann's media came by %q, want tcp", p)
	}
}

// settles gives the layers time to come.
func (c *call) settles() {
	c.Helper()
	began := time.Now()
	best := func(v, _ view) bool { return v.Incoming.Width == 1280 }
	after := c.ann.await(began, 20*time.Second, time.Second, "the best layer", best)
	c.Logf("ann saw the best layer after further %v", after.Round(time.Millisecond))
	// What Bob sees has gone up, so Ann's browser decides when it sends the best layer. Where
	// 5 % are lost Chromium's own estimate may take long, and its packets are lost whatever
	// the server does.
	sent := c.ann.await(began, 45*time.Second, 0, "the best layer of what it sends", view.sendsBest)
	after = c.bob.await(began, sent+20*time.Second, time.Second, "the best layer", best)
	c.Logf("bob saw the best layer after further %v, which ann sent after %v", after.Round(time.Millisecond), sent.Round(time.Millisecond))
}

func (c *call) within(what string, seen, limit time.Duration) {
	c.Helper()
	if seen > limit {
		c.Errorf("%s: %v, want at most %v", what, seen.Round(time.Millisecond), limit)
	}
}

// comesBack waits until both see new pictures again.
func (c *call) comesBack(after string, since time.Time, limit time.Duration) {
	c.Helper()
	from := time.Now()
	c.both(func(b *browser) {
		back := b.await(from, 20*time.Second, time.Second, "the picture", func(v, before view) bool { return v.Shown > before.Shown }) + from.Sub(since)
		c.Logf("%s saw new pictures %v after %s", b.name, back.Round(time.Millisecond), after)
		c.within("the picture", back, limit)
	})
}
