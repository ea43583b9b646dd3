package sfu

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestEngine_LeaksNothingWhenSubscribersComeAndGo(t *testing.T) {
	g := newTestBench(t, 1, Config{Shards: 3}, singleOffer, watchOffer)
	sink := udp(t)
	goroutines := runtime.NumGoroutine()
	for i := range 300 {
		v := g.router.NewViewer(fmt.Sprint(i))
		s, _, err := v.Subscribe(g.publisher, crlf(watchOffer), SubscribeConfig{})
		if err != nil {
			t.Fatal(err)
		}
		g.connect(s.transport, sink)
		switch i % 3 {
		case 0:
			s.Close("")
			v.Close("")
		case 1:
			v.Close("")
		case 2:
			p, _, err := g.router.Publish(crlf(singleOffer), PublishConfig{Participant: "other"})
			if err != nil {
				t.Fatal(err)
			}
			g.connect(p.transport, udp(t))
			if _, _, err := v.Subscribe(p, crlf(watchOffer), SubscribeConfig{}); err != nil {
				t.Fatal(err)
			}
			p.Close("")
			v.Close("")
		}
	}
	e := g.engine
	if n := e.Stats().Transports; n != 2 {
		t.Errorf("%d transports are left, want 2", n)
	}
	transports, fanOuts, publishers, peers, outlets := 0, 0, 0, 0, 0
	for _, s := range e.shards {
		s.call(func() {}) // runs the tasks of the last turn
		s.call(func() {
			transports += len(s.transports)
			fanOuts += len(s.fanOuts)
			publishers += len(s.publishers)
			peers += len(s.peers)
		})
	}
	g.onShard(func(*shard) { outlets = len(g.publisher.outlets) })
	e.mu.RLock()
	ufrags, addresses := len(e.index.ufrags), len(e.index.addresses)
	e.mu.RUnlock()
	if transports != 2 || fanOuts != 1 || publishers != 1 || peers > 2 || outlets != 1 || ufrags != 2 || addresses > 2 {
		t.Errorf("%d transports are left, %d fan-outs, %d publishers, %d peers, %d outlets, %d user names, %d addresses",
			transports, fanOuts, publishers, peers, outlets, ufrags, addresses)
	}
	g.router.mu.Lock()
	if len(g.router.viewers) != 1 || len(g.router.publishers) != 1 {
		t.Errorf("the router still has %d viewers and %d publishers", len(g.router.viewers), len(g.router.publishers))
	}
	g.router.mu.Unlock()
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines became %d", goroutines, n)
	}
}
