package cluster

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
	"rostrum/test/call"
)

// BenchmarkCluster_RelayedLayer measures what a relayed layer costs the publisher's node, as a
// share of what a viewer there costs, and how much later a viewer at another node has a picture.
func BenchmarkCluster_RelayedLayer(b *testing.B) {
	const receivers, measured = 20, 20 * time.Second
	c := newCluster(b)
	publish := func() (stage, id string) {
		stage = c.createStage(0)
		publisher := c.join(0, stage)
		video := realtime.NewTrack(realtime.H264)
		_, err := publisher.Publish(c.ctx, video)
		c.check(err)
		c.write(video, 1280, 720, 2_500_000)
		return stage, publisher.Token().ParticipantID
	}
	measure := func() (sends, receives time.Duration) { // what the nodes of the publisher and of the replicas use
		sends, receives = cpuTime(c.nodes[0].PID()), cpuTime(c.nodes[2].PID())
		<-time.After(measured)
		return cpuTime(c.nodes[0].PID()) - sends, cpuTime(c.nodes[2].PID()) - receives
	}
	<-time.After(measured / 4) // what follows the start of the nodes is over
	source, id := publish()
	viewers := []*latencies{c.watch(c.join(0, source))} // so that the publisher's cost is in the baseline
	baseline, idle := measure()
	for range receivers {
		viewers = append(viewers, c.watch(c.join(0, source)))
	}
	withViewers, _ := measure()
	beside := viewers[0].take()
	for _, v := range viewers[1:] {
		c.check(v.subscription.Close())
	}
	var far *latencies
	for n := range receivers {
		destination := c.createStage(2)
		there := c.join(2, destination) // its home is there
		_, err := c.clients[0].StartParticipantReplication(c.ctx, &ivsrealtime.StartParticipantReplicationInput{
			SourceStageARN: source, DestinationStageARN: destination, ParticipantID: id,
		})
		c.check(err)
		if n == 0 {
			far = c.watch(there)
		}
	}
	viewers[0].take()
	far.take()
	withRelays, receiving := measure()
	each := func(d time.Duration) float64 {
		return float64(d.Microseconds()) / receivers / measured.Seconds() / 1000
	}
	b.ReportMetric(each(withViewers-baseline), "viewer-ms/s")
	b.ReportMetric(each(withRelays-baseline), "relay-ms/s")
	b.ReportMetric(each(receiving-idle), "relay-receiver-ms/s")
	b.ReportMetric(float64(withRelays-baseline)/float64(withViewers-baseline), "relay/viewer")
	b.Logf("the publisher's node used %v with one viewer, %v with %d more, %v with %d relays; the other %v, then %v; each in %v",
		baseline, withViewers, receivers, withRelays, receivers, idle, receiving, measured)
	near, there := viewers[0].take(), far.take()
	for _, v := range []struct {
		of  string
		all []time.Duration
	}{{"beside-loaded", beside}, {"beside", near}, {"far", there}} {
		if len(v.all) == 0 {
			b.Fatalf("no picture %s was measured", v.of)
		}
		slices.Sort(v.all)
		b.ReportMetric(float64(v.all[len(v.all)/2].Microseconds())/1000, v.of+"-p50-ms")
		b.ReportMetric(float64(v.all[len(v.all)*99/100].Microseconds())/1000, v.of+"-p99-ms")
	}
	load, _ := os.ReadFile("/proc/loadavg")
	b.Logf("load %s", strings.TrimSpace(string(load)))
}

// latencies are the times from the drawing of a picture to its arrival at a viewer.
type latencies struct {
	subscription *realtime.Subscription
	mu           sync.Mutex
	all          []time.Duration
}

func (l *latencies) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.all
	l.all = nil
	return taken
}

// watch subscribes to the only publisher, and waits until a picture was measured.
func (c *cluster) watch(by *realtime.Stage) *latencies {
	c.Helper()
	l := &latencies{}
	e := call.AwaitEvent(c.ctx, c, by, func(e realtime.PublishChanged) bool { return e.Participant.Publishing })
	subscription, err := by.Subscribe(c.ctx, e.Participant.ID, realtime.SubscribeConfig{OnSample: func(_ *realtime.RemoteTrack, r realtime.Received) {
		for _, unit := range call.Units(r.Data) {
			if mark, ok := testpattern.Find(unit); ok {
				l.mu.Lock()
				l.all = append(l.all, r.Arrived.Sub(mark.Sent))
				l.mu.Unlock()
			}
		}
	}})
	c.check(err)
	l.subscription = subscription
	c.eventually(func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.all) == 0 {
			return fmt.Errorf("no picture arrived")
		}
		return nil
	})
	return l
}

// write sends pictures until the test ends.
func (c *cluster) write(video *realtime.LocalTrack, width, height, bitrate int) {
	c.Helper()
	const fps = 30
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height, FPS: fps, Bitrate: bitrate})
	c.check(err)
	stop, done := make(chan struct{}), make(chan struct{})
	c.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / fps)
		defer tick.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			data, key := pattern.Frame(n, time.Now(), false)
			_ = video.WriteSample(0, realtime.Sample{Time: time.Duration(n) * time.Second / fps, Keyframe: key, Data: data}) // it may not be connected yet
		}
	}()
}

// cpuTime is what a process has used so far (proc(5), utime and stime of stat).
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if len(fields) > 12 {
		_, _ = fmt.Sscan(fields[11], &user)
		_, _ = fmt.Sscan(fields[12], &system)
	}
	const ticks = 100 // a second, on all systems that Go runs on
	return time.Duration(user+system) * time.Second / ticks
}
