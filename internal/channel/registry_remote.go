package channel

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"rostrum/internal/bus"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
)

// Subjects of what the node of a channel does for others.
const (
	subjectStream  = "channel.stream"
	subjectStreams = "channel.streams"
	subjectStop    = "channel.stop"
)

// A streamQuery asks for a page of live streams.
type streamQuery struct {
	Owner  store.Owner
	Health ivs.Health // empty for all
	After  int64      // a position
	Limit  int        // one more shows that there is a next page
}

// A positioned stream has its place in the order of all nodes.
type positioned struct {
	Stream   ivs.Stream
	Position int64
}

// A foundStream is empty while the channel is offline.
type foundStream struct {
	Stream ivs.Stream
	Live   bool
}

func (r *Registry) serveBus(b *bus.Bus) {
	b.Handle(subjectStream, bus.Answer(func(_ context.Context, channelARN string) (any, error) {
		s, live := r.streamHere(channelARN)
		return foundStream{s, live}, nil
	}))
	b.Handle(subjectStreams, bus.Answer(func(_ context.Context, q streamQuery) (any, error) { return r.streamsHere(q), nil }))
	b.Handle(subjectStop, bus.Answer(func(ctx context.Context, channelARN string) (any, error) { return r.stopHere(ctx, channelARN), nil }))
}

// holder finds the other node where a channel is live; nil if it is here or nowhere.
func (r *Registry) holder(ctx context.Context, channelARN string) (other *store.Node, err error) {
	if r.cfg.Bus == nil {
		return nil, nil
	}
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		other, err = tx.HolderOf(channelARN)
		return err
	})
	if err != nil || other == nil || other.ID == r.nodeID || other.Internal == "" {
		return nil, err
	}
	return other, nil
}

// Stream describes a channel's stream, on whichever node; false while it is offline.
func (r *Registry) Stream(ctx context.Context, channelARN string) (ivs.Stream, bool, error) {
	if s, live := r.streamHere(channelARN); live {
		return s, true, nil
	}
	other, err := r.holder(ctx, channelARN)
	if err != nil || other == nil {
		return ivs.Stream{}, false, err
	}
	var found foundStream
	err = r.cfg.Bus.Request(ctx, other.ID, subjectStream, channelARN, &found)
	return found.Stream, found.Live, err
}

// Streams lists the streams of an owner on all nodes, oldest first, from a position on, with the
// position of the next page; 0 ends the list. A node that does not answer is left out.
func (r *Registry) Streams(ctx context.Context, o store.Owner, health ivs.Health, p store.Page) (page []ivs.Stream, next int64, err error) {
	q := streamQuery{o, health, p.After, p.Limit}
	all := r.streamsHere(q)
	if r.cfg.Bus != nil {
		others, err := r.node.Others(ctx)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, r.streamsOf(ctx, others, q)...)
	}
	slices.SortStableFunc(all, func(a, b positioned) int { return cmp.Compare(a.Position, b.Position) })
	if len(all) > p.Limit {
		all = all[:p.Limit]
		next = all[p.Limit-1].Position
	}
	for _, s := range all {
		page = append(page, s.Stream)
	}
	return page, next, nil
}

// streamsOf asks other nodes at once, and leaves out those that do not answer in time.
func (r *Registry) streamsOf(ctx context.Context, others []store.Node, q streamQuery) (all []positioned) {
	ctx, cancel := context.WithTimeout(ctx, streamsTimeout)
	defer cancel()
	theirs := make([][]positioned, len(others))
	var asked sync.WaitGroup
	for i, other := range others {
		asked.Go(func() {
			if err := r.cfg.Bus.Request(ctx, other.ID, subjectStreams, q, &theirs[i]); err != nil {
				r.cfg.Log.Warn("list the streams of another node", "node", other.ID, "error", err)
			}
		})
	}
	asked.Wait()
	return slices.Concat(theirs...)
}

// Stop drops the encoder of a channel, on whichever node, and returns once the channel is offline,
// or ctx ends; false when it was offline.
func (r *Registry) Stop(ctx context.Context, channelARN string) (stopped bool, err error) {
	if r.stopHere(ctx, channelARN) {
		return true, nil
	}
	other, err := r.holder(ctx, channelARN)
	if err != nil || other == nil {
		return false, err
	}
	err = r.cfg.Bus.Request(ctx, other.ID, subjectStop, channelARN, &stopped)
	return stopped, err
}

const (
	streamsTimeout = 3 * time.Second
	playbackCheck  = time.Second // between looks for the nodes of channels
	playbackWait   = 2 * time.Second
	playbackMemory = time.Minute // for which the node of a channel that ended is remembered: players get its end there
)

// Elsewhere is where channels play that other nodes have. One look finds all, so that requests for
// channels that nobody has cost the database nothing.
type elsewhere struct {
	mu      sync.Mutex // guards what follows
	checked time.Time
	nodes   map[string]playbackNode // by channel id
}

// A playbackNode is where a channel is live, or was.
type playbackNode struct {
	node   store.Node
	isLive bool
	found  time.Time // when it last was live
}

// PlaysElsewhere finds the node that serves the HLS of a path, if that is not this one.
func (r *Registry) PlaysElsewhere(ctx context.Context, path string) *store.Node {
	id, _, _ := strings.Cut(strings.TrimPrefix(path, PlaybackPath), "/")
	ended, session := r.findPlayback(id)
	if session != nil || r.cfg.Bus == nil {
		return nil
	}
	e := &r.elsewhere
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.checked) >= playbackCheck {
		r.findElsewhere(ctx)
	}
	known, found := e.nodes[id]
	if !found || ended != nil && !known.isLive { // the end is here
		return nil
	}
	return &known.node
}

// findElsewhere looks which other nodes have channels. While the database does not answer, they
// are where they were. The mutex of r.elsewhere is held.
func (r *Registry) findElsewhere(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), playbackWait) // others need it too
	defer cancel()
	e := &r.elsewhere
	var holders map[string]store.Node
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		holders, err = tx.ChannelHolders()
		return err
	})
	now := time.Now()
	e.checked = now
	if err != nil {
		r.cfg.Log.Warn("find the nodes of channels", "error", err)
		return
	}
	nodes := map[string]playbackNode{}
	for id, node := range holders {
		if node.ID != r.nodeID && node.Internal != "" {
			nodes[id] = playbackNode{node, true, now}
		}
	}
	for id, known := range e.nodes {
		if _, there := holders[id]; !there && now.Sub(known.found) <= playbackMemory {
			known.isLive = false
			nodes[id] = known
		}
	}
	e.nodes = nodes
}
