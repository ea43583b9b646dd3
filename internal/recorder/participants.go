package recorder

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/inbound"
	"rostrum/internal/node"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/worker"
)

// ParticipantsConfig says how participants are recorded.
type ParticipantsConfig struct {
	Store         *store.Store
	Buckets       bucket.Buckets
	Node          *node.Node
	Spool         string        // a folder
	UploadRetry   time.Duration // how long uploads may fail before the recording does
	MaxSpoolBytes int64         // that may wait for the bucket, for each recording
	Thumbnailer   *worker.Streams
	Transcoder    *worker.Streams // of VP8
	Log           *slog.Logger
	Panics        *inbound.Panics // takes faults in reading what participants send
}

// Participants records the participants of stages whose configuration names storage. It is
// safe for concurrent use.
type Participants struct {
	cfg  ParticipantsConfig
	ctx  context.Context // ends uploads
	stop context.CancelFunc
	wg   sync.WaitGroup // recordings

	mu      sync.Mutex // guards what follows
	current map[participantKey]*individual
	running map[*individual]bool // all, until they are uploaded
	awaited map[string]time.Time // recordings of dead nodes, by id, and since when their spools are
	closed  bool

	counters counters
	held     memoryBudget // of what waits for space on the disk
}

type participantKey struct{ stageARN, participant string }

// NewParticipants returns a node's recorder of participants.
func NewParticipants(cfg ParticipantsConfig) *Participants {
	a := &Participants{cfg: cfg, current: map[participantKey]*individual{}, running: map[*individual]bool{}, awaited: map[string]time.Time{}}
	a.ctx, a.stop = context.WithCancel(context.Background())
	cfg.Node.OnDead(a.closeDead)
	return a
}

// PublishStarted begins a recording, if the stage is configured for it, or continues one within
// the reconnect window. It does not block.
func (a *Participants) PublishStarted(p stage.Publication) {
	key := participantKey{p.StageARN, p.ParticipantID}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if r := a.current[key]; r != nil {
		r.wanted = &p
		r.signal()
		return
	}
	a.begin(key, p)
}

func (a *Participants) begin(key participantKey, p stage.Publication) {
	r := &individual{registry: a, key: key, wanted: &p, wake: make(chan struct{}, 1), updates: make(chan Update, 8), done: make(chan struct{})}
	a.current[key] = r
	a.run(r, r.run)
}

// PublishStopped says that a participant's media do not flow any more. It does not block.
func (a *Participants) PublishStopped(stageARN, participant string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.current[participantKey{stageARN, participant}]; r != nil {
		r.wanted = nil
		r.signal()
	}
}

// release ends the part of a recording in which it can continue. What has been published since
// gets a recording of its own.
func (a *Participants) release(r *individual) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current[r.key] != r {
		return
	}
	delete(a.current, r.key)
	if r.wanted != nil && r.wanted != r.seen && !a.closed {
		a.begin(r.key, *r.wanted)
	}
}

const closeWait = 15 * time.Second // for the last uploads

// Close ends all recordings. What is not uploaded in time waits in the spool for the next start.
func (a *Participants) Close() error {
	a.mu.Lock()
	a.closed = true
	for _, r := range a.current {
		r.wanted = nil
		r.signal()
	}
	a.mu.Unlock()
	ended := time.AfterFunc(closeWait, a.stop)
	defer ended.Stop()
	a.wg.Wait()
	a.stop()
	_ = os.Remove(filepath.Join(a.cfg.Spool, a.cfg.Node.ID())) // unless something waits
	return nil
}

func (a *Participants) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}
