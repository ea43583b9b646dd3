package composition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// ErrNoWorker says that nothing on this machine can compose.
var ErrNoWorker = ivsrealtime.Errorf(ivsrealtime.Conflict,
	"compositions cannot start: the program rostrum-media is neither beside rostrum nor in PATH")

// Parts are what compositions need of the house.
type Parts struct {
	Store     *store.Store
	Authority *stage.Authority
	Buckets   bucket.Buckets
	Channels  Channels
	Node      string // this process's name in the store
	Spool     string // folder for what is on its way into buckets
}

// A Config tunes a Registry. Its zero value composes nothing, for want of a program.
type Config struct {
	// Program is rostrum-media's path, as FindProgram finds it; without it
	// compositions can be looked at, but none starts.
	Program string
	// NoPublishers is how long a composition goes on when nobody publishes.
	// Default 60 s.
	NoPublishers time.Duration
	// Longest is how long a composition may take; 0 is no limit.
	Longest time.Duration
	// Patience is how long a bucket may refuse what is brought to it before the
	// destination has failed. Default 90 minutes.
	Patience time.Duration
	// SpoolBytes is how much may wait for a bucket, for each destination.
	// Default 4 GiB.
	SpoolBytes int64
	// WorkerMemory bounds the memory of a worker, in bytes, where the system
	// can. Default 2 GiB.
	WorkerMemory int64
	// HeartbeatLimit is how long a worker may be silent before it hangs.
	// Default as in package job.
	HeartbeatLimit time.Duration
	// Shared says that other nodes use the same store: compositions of nodes
	// that ended are then looked for all the time, not only at the start.
	Shared bool
	// Log takes what workers say. Default slog.Default().
	Log *slog.Logger
}

// FindProgram looks for rostrum-media beside this program, then in PATH; "" is
// nowhere.
func FindProgram() string {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), programName)
		if found, err := exec.LookPath(beside); err == nil {
			return found
		}
	}
	found, err := exec.LookPath(programName)
	if err != nil {
		return ""
	}
	return found
}

// A Registry is all compositions that this node runs. It may be used by all
// goroutines at once.
type Registry struct {
	Parts
	cfg    Config
	ctx    context.Context // ends when the registry closes
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	live   map[string]*composition
	closed bool
}

// Open opens the registry of a node and goes on with the compositions that no
// living node has.
func Open(ctx context.Context, parts Parts, cfg Config) (*Registry, error) {
	r := &Registry{Parts: parts, cfg: cfg.withDefaults(), live: map[string]*composition{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if err := r.adopt(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("go on with compositions: %w", err), r.Close())
	}
	if cfg.Shared {
		r.wg.Go(r.adoptAlways)
	}
	return r, nil
}

// adoptAlways looks for compositions of nodes that ended, until the registry closes.
func (r *Registry) adoptAlways() {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		if err := r.adopt(r.ctx); err != nil && r.ctx.Err() == nil {
			r.cfg.Log.Error("look for compositions of other nodes", "error", err)
		}
	}
}

func (r *Registry) adopt(ctx context.Context) error {
	var orphans []string
	err := r.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if err = tx.Beat(r.Node, time.Now()); err == nil {
			orphans, err = tx.AdoptCompositions(r.Node)
		}
		return err
	})
	for _, arn := range orphans {
		r.Run(arn)
	}
	return err
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		to        *time.Duration
		otherwise time.Duration
	}{{&c.NoPublishers, time.Minute}, {&c.Patience, 90 * time.Minute}, {&c.HeartbeatLimit, defaultHeartbeatLimit}} {
		if *d.to <= 0 {
			*d.to = d.otherwise
		}
	}
	if c.SpoolBytes <= 0 {
		c.SpoolBytes = 4 << 30
	}
	if c.WorkerMemory <= 0 {
		c.WorkerMemory = 2 << 30
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Able tells whether compositions can start here; ErrNoWorker when not.
func (r *Registry) Able() error {
	if r.cfg.Program == "" {
		return ErrNoWorker
	}
	return nil
}

// Hold puts a new composition into this node's hands, in the transaction that
// makes it; Run follows once that is kept.
func (r *Registry) Hold(tx *store.Tx, arn string) error { return tx.Hold(arn, r.Node) }

// Run begins to run a composition that this node holds.
func (r *Registry) Run(arn string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.live[arn] != nil {
		return
	}
	c := newComposition(r, arn)
	r.live[arn] = c
	r.wg.Go(func() {
		c.run()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.live, arn)
	})
}

// Stop asks a composition to end: it is STOPPING when Stop returns, wherever it
// runs. One that is stopping or has ended is left as it is.
func (r *Registry) Stop(ctx context.Context, arn string) error {
	err := r.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Compositions().Update(arn, stopping)
		return err
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.live[arn]; c != nil {
		c.look()
	}
	return nil
}

// StageDeleted has the stage's compositions find out that it is gone.
func (r *Registry) StageDeleted(stageARN string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.live {
		if on := c.stageARN.Load(); on != nil && *on == stageARN {
			c.look()
		}
	}
}

// Close ends all workers, keeping what they recorded, and leaves the compositions
// for the next start or another node.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return nil
}
