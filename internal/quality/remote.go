package quality

import (
	"context"
	"slices"
	"time"

	"rostrum/internal/bus"
	"rostrum/internal/stage"
	"rostrum/internal/store"
)

// subjectLive asks a node for the samples of a participant that it has not stored yet.
const subjectLive = "quality.live"

const (
	remoteTimeout = 3 * time.Second
	// stored is how long after the end of a session all its samples are stored for sure.
	stored = 3 * time.Minute
)

func (h *History) serveBus(b *bus.Bus) {
	b.Handle(subjectLive, bus.Answer(func(_ context.Context, of stage.Reporter) (any, error) {
		block := h.live(of)
		return pack(&block), nil
	}))
}

// newestBlock returns the samples of a participant that are not stored yet, on whichever node, or
// why they are missing.
func (h *History) newestBlock(ctx context.Context, of stage.Reporter) (b Block, missing string) {
	b = h.live(of)
	other, err := h.holder(ctx, of)
	if err == nil && other != "" {
		ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
		defer cancel()
		var data []byte
		if err = h.cfg.Bus.Request(ctx, other, subjectLive, of, &data); err == nil {
			b, err = unpack(data)
		}
	}
	switch {
	case err != nil && other == "":
		h.log.Warn("find the node that has the newest quality samples", "error", err)
		return b, "The newest minute may be missing: it is not known which node has the session."
	case err != nil:
		h.log.Warn("read the newest quality samples", "node", other, "error", err)
		return b, "The newest minute is missing: node " + other + ", which has the session, does not answer."
	}
	return b, ""
}

// holder finds the other node that has samples of a session in memory; "" if none has.
func (h *History) holder(ctx context.Context, of stage.Reporter) (node string, err error) {
	if h.cfg.Bus == nil {
		return "", nil
	}
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		session, err := tx.Session(of.StageARN, of.SessionID)
		if err != nil || session.Node == h.cfg.NodeID || !session.End.IsZero() && time.Since(session.End) > stored {
			return err
		}
		other, err := tx.Node(session.Node)
		if err == nil && other != nil && !other.Started.IsZero() && other.Internal != "" {
			node = other.ID
		}
		return err
	})
	return node, err
}

// live returns the samples of a participant that are not stored yet on this node.
func (h *History) live(of stage.Reporter) (b Block) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if open := h.open[participantKey{of.SessionID, of.ParticipantID}]; open != nil {
		b = Block{complete(open.Sent), complete(open.Received), open.Details, slices.Clone(open.Timeline)}
	}
	return b
}
