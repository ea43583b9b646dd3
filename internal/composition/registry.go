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

// ErrNoWorker says that this machine has no program that composes.
var ErrNoWorker = ivsrealtime.Errorf(ivsrealtime.Conflict,
	"compositions cannot start: the program rostrum-media is neither beside rostrum nor in PATH")

// Parts are what compositions need of the server.
type Parts struct {
	Store     *store.Store
	Authority *authority.Authority
	Buckets   bucket.Buckets
	Channels  Channels
	Node      *node.Node
	Spool     string // folder of files that wait for upload
}

// A Config tunes a Registry. With its zero value no composition starts, since there is no
// program.
type Config struct {
	// Program is rostrum-media's path, as worker.FindProgram returns it.
	Program string
	// IdleTimeout is how long a composition continues when nobody publishes.
	// Default 60 s.
	IdleTimeout time.Duration
	// MaxDuration is how long a composition may take; 0 is no limit.
	MaxDuration time.Duration
	// UploadRetry is how long uploads to a bucket may fail before the destination does.
	// Default 90 minutes.
	UploadRetry time.Duration
	// MaxSpoolBytes is how much may wait for a bucket, for each destination.
	// Default 4 GiB.
	MaxSpoolBytes int64
	// WorkerMemory bounds the memory of a worker, in bytes, where the system can.
	// Default 2 GiB.
	WorkerMemory int64
	// WorkerPorts are those of this server that workers connect to by TCP, beside those of
	// its public URL.
	WorkerPorts []uint16
	// Certificates returns those of this server, in PEM: workers trust them although no
	// authority of the system may have signed them. Nil without TLS.
	Certificates func() string
	// Private are files and folders that workers may not read, wherever they are.
	Private []string
	// HeartbeatLimit is how long a worker may make no progress before it is replaced.
	// Default worker.HeartbeatLimit.
	HeartbeatLimit time.Duration
	// Log gets the lines of workers, too. Default slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&c.IdleTimeout, time.Minute}, {&c.UploadRetry, 90 * time.Minute}, {&c.HeartbeatLimit, worker.HeartbeatLimit}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if c.MaxSpoolBytes <= 0 {
		c.MaxSpoolBytes = 4 << 30
	}
	if c.WorkerMemory <= 0 {
		c.WorkerMemory = 2 << 30
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// A Registry holds the compositions that this node runs. It may be used by several
// goroutines.
type Registry struct {
	Parts
	cfg    Config
	ctx    context.Context // ends when the registry closes
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	running map[string]*composition
	closed  bool
}

// NewRegistry makes the registry of a node. The node's Recover and Run make it continue
// the compositions of nodes that ended or died.
func NewRegistry(parts Parts, cfg Config) *Registry {
	r := &Registry{Parts: parts, cfg: cfg.withDefaults(), running: map[string]*composition{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	parts.Node.OnDead(r.adopt)
	r.wg.Go(r.sweepSpools)
	return r
}

const sweepInterval = time.Minute

// sweepSpools removes spools that are not needed, until the registry closes.
func (r *Registry) sweepSpools() {
	tick := time.NewTicker(sweepInterval)
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

// sweep removes the spools of destinations whose composition has ended: this node was
// killed before it could, or another node ended the composition.
func (r *Registry) sweep() {
	spools, err := os.ReadDir(r.Spool)
	if err != nil || len(spools) == 0 {
		return // usually nothing was ever recorded
	}
	needed, err := r.destinationIDs(r.ctx)
	if err != nil {
		if r.ctx.Err() == nil {
			r.cfg.Log.Error("find spools that are not needed", "error", err)
		}
		return
	}
	for _, s := range spools { // listed before the destinations, so that no new one is removed
		if needed[s.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.Spool, s.Name())); err != nil {
			r.cfg.Log.Warn("remove a spool that is not needed", "error", err)
		}
	}
}

// destinationIDs are those of all compositions that have not ended.
func (r *Registry) destinationIDs(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	err := r.Store.Read(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenCompositions()
		if err != nil {
			return err
		}
		for _, arn := range open {
			c, err := tx.Compositions().Get(arn)
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

// adopt continues the compositions of a node that ended or died. Those of this node itself
// are left for another node or the next start.
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

// CanStart returns ErrNoWorker where compositions cannot start.
func (r *Registry) CanStart() error {
	if r.cfg.Program == "" {
		return ErrNoWorker
	}
	return nil
}

// Hold assigns a new composition to this node, in the transaction that creates it. Run
// follows once that is stored.
func (r *Registry) Hold(tx *store.Tx, arn string) error { return tx.Hold(arn, r.Node.ID()) }

// Run runs a composition that this node created and holds.
func (r *Registry) Run(arn string) { r.run(arn, r.Node.ID()) }

// run runs a composition that a former node ran before, which may be this one.
func (r *Registry) run(arn, formerNode string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.running[arn] != nil {
		return
	}
	c := newComposition(r, arn, formerNode)
	r.running[arn] = c
	r.wg.Go(func() {
		c.run()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, arn)
	})
}

// Stop stops a composition: it is STOPPING when Stop returns, whichever node runs it. One
// that is stopping or has ended is left as it is.
func (r *Registry) Stop(ctx context.Context, arn string) error {
	err := r.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Compositions().Update(arn, func(doc *ivsrealtime.Composition) error {
			setStopping(doc)
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.running[arn]; c != nil {
		c.requestReload()
	}
	return nil
}

// StageDeleted makes the stage's compositions notice that it is gone.
func (r *Registry) StageDeleted(stageARN string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.running {
		if of := c.stageARN.Load(); of != nil && *of == stageARN {
			c.requestReload()
		}
	}
}

// Close ends all workers, uploads what they recorded as far as time allows, and leaves the
// compositions to the next start or another node.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return nil
}
