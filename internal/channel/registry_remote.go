package channel

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
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

// holder finds the other node where a channel is live; nil if it is here or nowhere. A channel is
// named by the end of its ARN.
func (r *Registry) holder(ctx context.Context, end string) (other *store.Node, err error) {
	if r.cfg.Bus == nil {
		return nil, nil
	}
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		other, err = tx.HolderOf(end)
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
		for _, other := range others {
			var theirs []positioned
			if err := r.cfg.Bus.Request(ctx, other.ID, subjectStreams, q, &theirs); err != nil {
				r.cfg.Log.Warn("list the streams of another node", "node", other.ID, "error", err)
			}
			all = append(all, theirs...)
		}
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
	playbackCheck  = time.Second // between looks for the node of a channel
	playbackMemory = time.Minute // for which the node of a channel that ended is remembered: players get its end there
	maxElsewhere   = 10_000
)

// A playbackNode is where a channel was last found; nil is nowhere else.
type playbackNode struct {
	node    *store.Node
	checked time.Time
	found   time.Time
}

var channelIDs = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// PlaysElsewhere finds the node that serves the HLS of a path, if that is not this one.
func (r *Registry) PlaysElsewhere(ctx context.Context, path string) *store.Node {
	id, _, _ := strings.Cut(strings.TrimPrefix(path, PlaybackPath), "/")
	if live, _ := r.findPlayback(id); live != nil || r.cfg.Bus == nil || !channelIDs.MatchString(id) {
		return nil
	}
	now := time.Now()
	r.mu.Lock()
	known := r.elsewhere[id]
	r.mu.Unlock()
	if now.Sub(known.checked) < playbackCheck {
		return known.node
	}
	other, err := r.holder(ctx, ":channel/"+id)
	switch {
	case other != nil:
		known = playbackNode{other, now, now}
	case err != nil || now.Sub(known.found) > playbackMemory:
		known = playbackNode{checked: now}
	default:
		known.checked = now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.elsewhere) >= maxElsewhere {
		clear(r.elsewhere)
	}
	r.elsewhere[id] = known
	return known.node
}
