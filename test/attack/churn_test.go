package attack

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// resources is what a server holds, as its metrics tell.
type resources struct{ goroutines, files, memory float64 }

func measure(t *testing.T) (r resources) {
	t.Helper()
	answer, err := http.Get(stand.server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for in := bufio.NewScanner(answer.Body); in.Scan(); {
		for name, to := range map[string]*float64{"go_goroutines": &r.goroutines, "process_open_fds": &r.files, "process_resident_memory_bytes": &r.memory} {
			if rest, ok := strings.CutPrefix(in.Text(), name+" "); ok {
				_, _ = fmt.Sscan(rest, to)
			}
		}
	}
	return r
}

func (r resources) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.0f MiB", r.goroutines, r.files, r.memory/(1<<20))
}

// churn makes participants join and leave, twenty a second: they publish and receive, connect and
// never complete, leave, vanish, and are disconnected.
func churn(t *testing.T, d time.Duration) {
	made, err := stand.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	stageARN := made.Stage.ARN
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var publisher atomic.Pointer[string] // one who may be watched
	var came, connected atomic.Int64
	var all sync.WaitGroup
	busy := make(chan struct{}, 40)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		select {
		case busy <- struct{}{}:
		default: // those before are still at it
			continue
		}
		all.Go(func() {
			defer func() { <-busy }()
			came.Add(1)
			if visit(t, stageARN, &publisher) {
				connected.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%v: %d came, %d of them were connected", d, came.Load(), connected.Load())
	if connected.Load() < came.Load()/4 {
		t.Errorf("only %d of %d could connect", connected.Load(), came.Load())
	}
	if _, err := stand.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{ARN: stageARN}); err != nil {
		t.Error(err)
	}
}

// visit is one participant's stay of up to two seconds; it tells whether media could flow.
func visit(t *testing.T, stageARN string, publisher *atomic.Pointer[string]) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := stand.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: stageARN})
	if err != nil {
		t.Errorf("make a token: %v", err)
		return false
	}
	token, err := realtime.ReadToken(out.ParticipantToken.Token)
	if err != nil {
		t.Error(err)
		return false
	}
	stay := time.Duration(rand.IntN(2000)) * time.Millisecond
	var end func() error
	if watched := publisher.Load(); watched != nil && rand.IntN(2) == 0 {
		at, _ := token.SubscribeAt(*watched)
		sub, err := realtime.Subscribe(ctx, at, realtime.SubscribeConfig{Rejoin: realtime.NoRejoin})
		if err != nil {
			return false // whom it wanted has left
		}
		end = sub.Close
	} else {
		at, _ := token.PublishAt()
		pub, err := realtime.Publish(ctx, at, realtime.PublishConfig{Rejoin: realtime.NoRejoin}, realtime.NewTrack(media.Opus), realtime.NewTrack(media.H264))
		if err != nil {
			return false
		}
		publisher.Store(&token.ParticipantID)
		end = pub.Close
	}
	time.Sleep(stay) // as people do
	if rand.IntN(4) == 0 {
		// Sent away; what the goodbye then says is no fault.
		_, _ = stand.client.DisconnectParticipant(ctx, &ivsrealtime.DisconnectParticipantInput{StageARN: stageARN, ParticipantID: token.ParticipantID})
	}
	_ = end()
	return true
}

// Item 34: what comes and goes leaves nothing behind. ROSTRUM_CHURN says how long it lasts.
func TestAttack_ChurnLeavesNothingBehind(t *testing.T) {
	lasts := 25 * time.Second
	if said := os.Getenv("ROSTRUM_CHURN"); said != "" {
		var err error
		if lasts, err = time.ParseDuration(said); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(until func(resources) bool) (r resources) {
		for end := time.Now().Add(45 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
			if r = measure(t); until(r) {
				break
			}
		}
		return r
	}
	churn(t, 10*time.Second) // to warm up
	quiet, since := measure(t), time.Now()
	before := settle(func(r resources) bool { // until nothing goes any more for a while
		if r.goroutines < quiet.goroutines || r.files < quiet.files {
			quiet, since = r, time.Now()
		}
		return time.Since(since) > 8*time.Second
	})
	churn(t, lasts)
	after := settle(func(r resources) bool { return r.goroutines <= before.goroutines+8 && r.files <= before.files+4 })
	t.Logf("before: %v; after: %v", before, after)
	if after.goroutines > before.goroutines+8 || after.files > before.files+4 {
		t.Errorf("goroutines or descriptors are left behind: %v, and then %v", before, after)
	}
	if grown := after.memory - before.memory; grown > 24<<20 {
		t.Errorf("the server grew by %.0f MiB", grown/(1<<20))
	}
	stand.goesOn(t)
}
