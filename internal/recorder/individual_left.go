package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/durable"
	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const (
	// returnWait is how long a dead node's recordings wait for its spool, which the same data
	// folder has that the node is started on again.
	returnWait = 5 * time.Minute
	// leftRetry is between attempts to open a recording that another process left.
	leftRetry = 10 * time.Second
)

// lostSpool is the failure of a recording that was closed without its spool.
var lostSpool = event.Failure{
	Code:   ivsrealtime.InternalServerError,
	Reason: "The node that recorded ended and did not return. What it had not stored is missing.",
}

// closeDead takes over the recordings that a dead node left open. Where its spool is not on this
// machine, it waits for the node to return.
func (a *Participants) closeDead(ctx context.Context, dead store.Node) error {
	if dead.ID == a.cfg.Node.ID() { // closed before, but for uploads that the next process continues
		return nil
	}
	var left []store.Recording
	err := a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		left, err = tx.Recordings(dead.ID)
		return err
	})
	for i := range left {
		err = errors.Join(err, a.adopt(ctx, left[i]))
	}
	return errors.Join(err, a.sweep(ctx))
}

// adopt continues a recording that another node left.
func (a *Participants) adopt(ctx context.Context, left store.Recording) error {
	found := a.findSpool(left.ID)
	if a.isClosed() || found == "" && a.mayReturn(left.ID) {
		return nil
	}
	taken := false
	err := a.cfg.Store.Write(ctx, func(tx *store.Tx) (err error) {
		taken, err = tx.TakeRecording(&left, a.cfg.Node.ID())
		return err
	})
	if err != nil || !taken {
		return err
	}
	a.mu.Lock() // not before: others must not wait for the database
	defer a.mu.Unlock()
	delete(a.awaited, left.ID)
	if a.closed { // the next process continues it
		return nil
	}
	left.Node = a.cfg.Node.ID()
	r := &individual{
		registry: a, state: left, folder: a.folder(left.ID), updates: make(chan Update, 8), done: make(chan struct{}), startStored: !left.Started.IsZero(),
		log: a.cfg.Log.With("stage", left.StageARN, "participant", left.ParticipantID),
	}
	if found != "" {
		if err := move(found, r.folder); err != nil {
			r.log.Warn("move the spool of a recording, which stays where it is", "error", err)
			r.folder = found
		}
	}
	a.run(r, func() { r.closeLeft(found != "") })
	return nil
}

// move renames a spool, and removes the folder of its node with the last one.
func move(from, to string) error {
	if err := durable.MakeFolder(filepath.Dir(to)); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(to))
	}
	_ = os.Remove(filepath.Dir(from)) // unless there are others
	return err
}

// mayReturn reports whether the node that has the spool of a recording may be started again.
func (a *Participants) mayReturn(id string) bool {
	if !a.cfg.Node.IsShared() {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	since, known := a.awaited[id]
	if !known {
		since = time.Now()
		a.awaited[id] = since
	}
	return time.Since(since) < returnWait
}

// folder is where a recording of this node has its spool.
func (a *Participants) folder(id string) string {
	return filepath.Join(a.cfg.Spool, a.cfg.Node.ID(), id)
}

// findSpool finds the folder of a recording, whichever node of this data folder had it.
func (a *Participants) findSpool(id string) string {
	nodes, _ := os.ReadDir(a.cfg.Spool)
	for _, n := range nodes {
		folder := filepath.Join(a.cfg.Spool, n.Name(), id)
		if _, err := os.Stat(folder); err == nil {
			return folder
		}
	}
	return ""
}

// sweep removes spools of recordings that are complete: their process was killed before it
// could, or another node closed them.
func (a *Participants) sweep(ctx context.Context) error {
	folders, err := filepath.Glob(filepath.Join(a.cfg.Spool, "*", "*"))
	for _, folder := range folders {
		var needed bool
		if err := a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
			needed, err = tx.HasRecording(filepath.Base(folder))
			return err
		}); err != nil {
			return err
		}
		if needed {
			continue
		}
		bytes, _ := Spool(filepath.Join(folder, "files")).size()
		a.cfg.Log.Warn("remove the spool of a recording that is closed", "folder", folder, "discardedBytes", bytes)
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(folder)) // unless there are others
	}
	return err
}

// closeLeft ends a recording whose process did not. Without its spool, what is in the bucket is
// all there is.
func (r *individual) closeLeft(hasSpool bool) {
	defer close(r.done)
	for err := r.openSpool(); err != nil; err = r.openSpool() {
		r.log.Error("continue the upload of a recording", "error", err)
		select {
		case <-time.After(leftRetry):
		case <-r.registry.ctx.Done():
			return
		}
	}
	failure := r.state.Failure
	if !r.state.Started.IsZero() {
		if !hasSpool && failure == nil {
			failure = &lostSpool
		}
		r.resume()
		if failure == nil {
			failure = r.reportedFailure()
		}
	}
	list := r.playlist()
	if n := len(list.Segments); n > 0 {
		if r.state.Started.IsZero() {
			r.start(list.Segments[0].Begins)
		}
		if r.state.Ended.IsZero() {
			r.state.Ended = list.Segments[n-1].Begins.Add(list.Segments[n-1].Duration)
		}
	}
	if r.state.Ended.IsZero() {
		r.state.Ended = r.state.Started
	}
	r.finish(r.state.Ended, failure)
	r.awaitUpload()
	if r.folder != r.registry.folder(r.state.ID) { // it could not be moved
		_ = os.Remove(filepath.Dir(r.folder)) // unless there are others
	}
}

// resume gets the playlist from the bucket, if the spool has none.
func (r *individual) resume() {
	for r.recorder.Resume(r.registry.ctx) != nil && r.recorder.Failure() == nil {
		select {
		case <-time.After(leftRetry):
		case <-r.registry.ctx.Done():
			return
		}
	}
}

// reportedFailure is the failure that is in the bucket, but was not stored before the process
// was killed.
func (r *individual) reportedFailure() *event.Failure {
	ctx, cancel := context.WithTimeout(r.registry.ctx, maxResume)
	defer cancel()
	file, err := r.recorder.config.Bucket.Get(ctx, r.recorder.key(failedFile))
	if err != nil {
		if !errors.Is(err, bucket.ErrNoFile) {
			r.log.Warn("look for a failure of the recording", "error", err)
		}
		return nil
	}
	defer file.Close()
	var reported metadataFile
	if err := json.NewDecoder(file).Decode(&reported); err != nil {
		r.log.Warn("read "+failedFile, "error", err)
	}
	return &event.Failure{Code: ivsrealtime.InternalServerError, Reason: reported.Message}
}

// playlist is that in the spool; an empty one if there is none.
func (r *individual) playlist() hls.Playlist {
	data, err := os.ReadFile(r.spool().path(r.recorder.config.Metadata.playlist()))
	if err != nil {
		return hls.Playlist{}
	}
	list, err := hls.Parse(data)
	if err != nil {
		r.log.Error("read the playlist of a recording", "error", err)
	}
	return list
}
