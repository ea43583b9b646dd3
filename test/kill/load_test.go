package kill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
	"rostrum/test/server"
)

const (
	writers = 6
	joiners = 2
	limit   = 10 // stages of a writer at once
)

// A fact is a stage as the server said it is; nil is one that isn't there.
type fact struct {
	name string
	tags map[string]string
}

func (f *fact) equal(g *fact) bool {
	if f == nil || g == nil {
		return f == g
	}
	return f.name == g.name && maps.Equal(f.tags, g.tags)
}

// A writer makes, changes and deletes stages of its own, one call after another.
type writer struct {
	number int
	stages map[string]*fact // by ARN: what was acknowledged
	count  int              // of acknowledged writes
	serial int

	// The call under way when the server was killed may have had its effect.
	doubt     string // the ARN it was about
	perhaps   *fact  // and what that would be then
	conceived string // the name of a stage it was to make
}

// A load is all that goes on while the server lives.
type load struct {
	writers []*writer
	rooms   [joiners]string // stages that people join and leave
}

func newLoad() *load {
	l := &load{}
	for i := range writers {
		l.writers = append(l.writers, &writer{number: i, stages: map[string]*fact{}})
	}
	return l
}

func (l *load) acknowledged() (n int) {
	for _, w := range l.writers {
		n += w.count
	}
	return n
}

// client makes one call of each call: what it was told is what counts.
func client(t *testing.T, url string) *ivsrealtime.Client {
	t.Helper()
	c, err := ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(url).MaxAttempts(1).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run works the server until it has been killed, some time after the first
// answer.
func (l *load) run(t *testing.T, s *server.Server, life time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := client(t, s.URL)
	for i := range l.rooms {
		if l.rooms[i] == "" {
			out, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: fmt.Sprint("room-", i)})
			if err != nil {
				t.Fatal(err)
			}
			l.rooms[i] = out.Stage.ARN
		}
	}
	var running sync.WaitGroup
	for _, w := range l.writers {
		running.Go(func() { w.run(t, ctx, c) })
	}
	for _, capacity := range l.rooms {
		running.Go(func() { joinAndLeave(ctx, c, capacity) })
	}
	time.Sleep(life) // the moment is random: there is nothing to wait for
	s.Kill()
	cancel()
	running.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// run writes until a call gets no answer.
func (w *writer) run(t *testing.T, ctx context.Context, c *ivsrealtime.Client) {
	for {
		err := w.write(ctx, c)
		if err == nil {
			w.count++
			continue
		}
		if answer := (*ivsrealtime.Error)(nil); errors.As(err, &answer) && answer.RequestID != "" {
			t.Errorf("writer %d: %v", w.number, err)
		}
		return
	}
}

// write makes one call at random. What it is about to do is in doubt until it
// is answered.
func (w *writer) write(ctx context.Context, c *ivsrealtime.Client) (err error) {
	w.serial++
	name := fmt.Sprintf("w%d-%d", w.number, w.serial)
	if n := len(w.stages); n == 0 || n < limit && rand.N(3) == 0 {
		w.conceived = name
		out, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: name, Tags: map[string]string{"writer": fmt.Sprint(w.number)}})
		if err == nil {
			w.conceived = ""
			w.stages[out.Stage.ARN] = &fact{name: name, tags: out.Stage.Tags}
		}
		return err
	}
	arns := slices.Collect(maps.Keys(w.stages))
	arn := arns[rand.N(len(arns))]
	next := &fact{name: w.stages[arn].name, tags: maps.Clone(w.stages[arn].tags)}
	w.doubt, w.perhaps = arn, next
	switch rand.N(4) {
	case 0:
		next.name = name
		_, err = c.UpdateStage(ctx, &ivsrealtime.UpdateStageInput{ARN: arn, Name: &name})
	case 1:
		next.tags["last"] = name
		_, err = c.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"last": name}})
	case 2:
		delete(next.tags, "last")
		_, err = c.UntagResource(ctx, &ivsrealtime.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"last"}})
	default:
		w.perhaps = nil
		_, err = c.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{ARN: arn})
	}
	if err == nil {
		w.settle(arn, w.perhaps)
	}
	return err
}

func (w *writer) settle(arn string, f *fact) {
	w.doubt, w.perhaps = "", nil
	if f == nil {
		delete(w.stages, arn)
		return
	}
	w.stages[arn] = f
}

// joinAndLeave has participants come to a stage and go again.
func joinAndLeave(ctx context.Context, c *ivsrealtime.Client, capacity string) {
	for ctx.Err() == nil {
		out, err := c.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: capacity})
		if err != nil {
			return
		}
		visit(ctx, out.ParticipantToken.Token)
	}
}

// visit joins, stays for a moment after it was told who is there, and leaves.
func visit(ctx context.Context, raw string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stage, err := realtime.Join(ctx, raw, realtime.Config{Rejoin: realtime.NoRejoin})
	if err != nil {
		return // the server may have been killed
	}
	defer stage.Close()
	select {
	case <-time.After(rand.N(30 * time.Millisecond)):
	case <-stage.Done():
	}
}

// verify holds the server against everything that was acknowledged, and settles
// what was in doubt by what it finds.
func (l *load) verify(t *testing.T, url string) {
	t.Helper()
	c := client(t, url)
	defer c.Close()
	seen := map[string]*fact{}
	for s, err := range c.Stages(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		seen[s.ARN] = &fact{name: s.Name, tags: s.Tags}
	}
	for _, capacity := range l.rooms {
		delete(seen, capacity)
	}
	for _, w := range l.writers {
		w.verify(t, seen)
	}
	for arn, f := range seen {
		t.Errorf("stage %s (%s) is there, and nobody made it", arn, f.name)
	}
}

// verify takes what is the writer's from what was seen.
func (w *writer) verify(t *testing.T, seen map[string]*fact) {
	t.Helper()
	for arn, acknowledged := range w.stages {
		now := seen[arn]
		delete(seen, arn)
		switch {
		case now.equal(acknowledged):
		case arn == w.doubt && now.equal(w.perhaps):
			w.settle(arn, now)
		default:
			t.Errorf("stage %s: acknowledged %+v, in doubt %v, seen %+v", arn, acknowledged, arn == w.doubt, now)
		}
	}
	for arn, f := range seen {
		if w.conceived != "" && f.name == w.conceived {
			w.stages[arn] = f
			delete(seen, arn)
		}
	}
	w.doubt, w.perhaps, w.conceived = "", nil, ""
}
