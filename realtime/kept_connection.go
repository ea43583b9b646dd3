package realtime

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A keptConnection is a media connection that is replaced when it was lost.
type keptConnection struct {
	open    func(context.Context) (*mediaConnection, error)
	changed func(error) // called for each loss, and with nil for each replacement; may be nil

	done chan struct{} // closed when there will be no further connection
	stop context.CancelFunc

	mu      sync.Mutex // guards what follows
	current *mediaConnection
	err     error // why it ended; set before done is closed
	closing error // of ending the last connection at the server
}

// start opens the connection and keeps it from then on. ctx is for opening alone.
func (k *keptConnection) start(ctx context.Context, limit time.Duration) error {
	first, err := k.open(ctx)
	if err != nil {
		return err
	}
	k.current, k.done = first, make(chan struct{})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.stop = stop
	go func() {
		defer close(k.done)
		defer stop()
		err := rejoin(running, limit, k.report, func(ctx context.Context) (bool, error) {
			c := first
			if first = nil; c == nil {
				var err error
				if c, err = k.reopen(ctx); err != nil {
					return false, err
				}
			}
			return true, k.await(ctx, c)
		})
		if err == nil {
			err = ErrClosed
		}
		k.mu.Lock()
		k.err = err
		k.mu.Unlock()
	}()
	return nil
}

func (k *keptConnection) reopen(ctx context.Context) (*mediaConnection, error) {
	c, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.current = c
	k.mu.Unlock()
	k.report(nil)
	return c, nil
}

// await waits for the end of a connection, or ends it with ctx.
func (k *keptConnection) await(ctx context.Context, c *mediaConnection) error {
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
	closing := c.close(ErrClosed)
	k.mu.Lock()
	k.closing = closing
	k.mu.Unlock()
	if errors.Is(c.ending, ErrClosed) {
		return c.ending
	}
	return errors.Join(c.ending, closing)
}

func (k *keptConnection) report(err error) {
	if k.changed != nil {
		k.changed(err)
	}
}

// connection is the current media connection, or the last one.
func (k *keptConnection) connection() *mediaConnection {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Done is closed when media can flow no longer, and will not be tried again.
func (k *keptConnection) Done() <-chan struct{} { return k.done }

// Err is nil until Done is closed. Then it says why media ended: ErrClosed, ErrLost, ErrEnded
// or a Code of the server (compare with errors.Is), or the *Problem of the last attempt.
func (k *keptConnection) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Close ends media at the server, then here. Once it has returned, nothing is called back
// any more; so a callback must not call it. It may be called twice.
func (k *keptConnection) Close() error {
	k.stop()
	<-k.done
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closing
}

// ICEServers are the STUN and TURN servers that the server recommended.
func (k *keptConnection) ICEServers() []ICEServer { return k.connection().resource.iceServers }

// RoundTrip is the round trip time of the media's path; 0 before it was measured.
func (k *keptConnection) RoundTrip() time.Duration { return k.connection().roundTrip() }

// RestartICE finds a new path now, as after a change of network; a lost path is noticed
// without it, after some seconds. Media continue.
func (k *keptConnection) RestartICE(ctx context.Context) error {
	return k.connection().restartICE(ctx)
}
