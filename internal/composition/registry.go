package composition

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// ErrNoWorker says that nothing on this machine can compose.
var ErrNoWorker = ivsrealtime.Errorf(ivsrealtime.Conflict,
	"compositions cannot start: the program rostrum-media is neither beside rostrum nor in PATH")

// Parts are what compositions need of the house.
type Parts struct {
	Store     *store.Store
	Authority *authority.Authority
	Buckets   bucket.Buckets
	Channels  Channels
	Node      *node.Node
	Spool     string // folder for what is on its way into buckets
}

// A Config tunes a Registry. Its zero value composes nothing, for want of a program.
type Config struct {
	// Program is rostrum-media's path, as worker.FindProgram finds it; without it
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
	// Default worker.HeartbeatLimit.
	HeartbeatLimit time.Duration
	// Log takes what workers say. Default slog.Default().
	Log *slog.Logger
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

// NewRegistry makes the registry of a node. The node's Recover and Run have it
// go on with the compositions of nodes that ended or died.
func NewRegistry(parts Parts, cfg Config) *Registry {
	r := &Registry{Parts: parts, cfg: cfg.withDefaults(), live: map[string]*composition{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	parts.Node.OnDead(r.adopt)
	r.wg.Go(r.sweepSpools)
	return r
}

const sweepEvery = time.Minute

// sweepSpools removes spools that nobody needs, until the registry closes.
func (r *Registry) sweepSpools() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		r.sweep()
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
	}
}

// sweep removes the spools of destinations whose composition has ended: this node
// was killed before it could, or another node ended the composition.
func (r *Registry) sweep() {
	there, err := os.ReadDir(r.Spool)
	if err != nil || len(there) == 0 {
		return // mostly, nothing was ever recorded
	}
	needed, err := r.destinations(r.ctx)
	if err != nil {
		if r.ctx.Err() == nil {
			r.cfg.Log.Error("look for spools that nobody needs", "error", err)
		}
		return
	}
	for _, d := range there { // read before: none that is new is taken for an old one
		if needed[d.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.Spool, d.Name())); err != nil {
			r.cfg.Log.Warn("remove a spool that nobody needs", "error", err)
		}
	}
}

// destinations are the ids of the destinations of all compositions that live.
func (r *Registry) destinations(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	err := r.Store.Read(ctx, func(tx *store.Tx) error {
		living, err := tx.OpenCompositions()
		if err != nil {
			return err
		}
		for _, name := range living {
			c, err := tx.Compositions().Get(name)
			if err != nil {
				return err
			}
			for _, d := range c.Destinations {
				all[d.ID] = true
			}
		}
		return nil
	})
	return all, err
}

// adopt goes on with the compositions of a node that ended or died. Those of
// this node itself are left for another node or the next start.
func (r *Registry) adopt(ctx context.Context, dead store.Node) error {
	if dead.ID == r.Node.ID() {
		return nil
	}
	var taken []string
	err := r.Store.Write(ctx, func(tx *store.Tx) (err error) {
		taken, err = tx.TakeCompositions(dead.ID, r.Node.ID())
		return err
	})
	for _, arn := range taken {
		r.run(arn, dead.ID)
	}
	return err
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		to        *time.Duration
		otherwise time.Duration
	}{{&c.NoPublishers, time.Minute}, {&c.Patience, 90 * time.Minute}, {&c.HeartbeatLimit, worker.HeartbeatLimit}} {
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
func (r *Registry) Hold(tx *store.Tx, arn string) error { return tx.Hold(arn, r.Node.ID()) }

// Run begins to run a composition that this node made and holds.
func (r *Registry) Run(arn string) { r.run(arn, r.Node.ID()) }

// run begins to run a composition that a node had before this one.
func (r *Registry) run(arn, former string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.live[arn] != nil {
		return
	}
	c := newComposition(r, arn, former)
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
