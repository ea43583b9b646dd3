package quality

import (
	"context"
	"errors"
	"slices"
	"time"

	"rostrum/internal/store"
)

// joinedHours are stored in one transaction, so that no other write waits long for it.
const joinedHours = 20

// runMaintenance maintains the history until ctx ends, beside the samples.
func (h *History) runMaintenance(ctx context.Context) {
	for ticker := time.NewTicker(joinInterval); ; {
		h.maintain(ctx, time.Now())
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
	}
}

// maintain joins old minutes to hours, and removes what is too old.
func (h *History) maintain(ctx context.Context, now time.Time) {
	err := h.joinHours(ctx, now.Add(-fine))
	if err == nil {
		err = h.store.SweepQuality(ctx, now.Add(-h.cfg.Age), maxBytes)
	}
	if err != nil && ctx.Err() == nil {
		h.log.Error("maintain the quality history", "error", err)
	}
}

// joinHours joins the minutes from before a moment, an hour of a participant at a time.
func (h *History) joinHours(ctx context.Context, before time.Time) error {
	for {
		var hours []store.QualityHour
		err := h.store.Read(ctx, func(tx *store.Tx) (err error) {
			hours, err = tx.QualityHours(before)
			return err
		})
		if err != nil || len(hours) == 0 {
			return err
		}
		for some := range slices.Chunk(hours, joinedHours) {
			err := h.store.Write(ctx, func(tx *store.Tx) error {
				for _, hour := range some {
					err := tx.JoinQuality(hour, before, func(rows []store.QualityRow) store.QualityRow { return h.joinRows(hour, rows) })
					if err != nil {
						return err
					}
				}
				return nil
			})
			if errors.Is(err, store.ErrJoined) {
				return nil // by another node; the next search finds the rest
			}
			if err != nil {
				return err
			}
		}
	}
}

// joinRows makes the row of an hour, with one sample a minute.
func (h *History) joinRows(hour store.QualityHour, rows []store.QualityRow) store.QualityRow {
	all := h.unpackRows(rows)
	all.Sent, all.Received = downsample(all.Sent, time.Minute), downsample(all.Received, time.Minute)
	all.Timeline = joinTimeline(all.Timeline)
	return store.QualityRow{SessionID: hour.SessionID, ParticipantID: hour.ParticipantID, Span: time.Hour, Start: hour.Start, Data: pack(&all)}
}

// unpackRows reads rows in the order of time. A damaged one is left out.
func (h *History) unpackRows(rows []store.QualityRow) (all Block) {
	for _, r := range rows {
		b, err := unpack(r.Data)
		if err != nil {
			h.log.Error("read the quality history", "participant", r.ParticipantID, "start", r.Start, "error", err)
			continue
		}
		all.Sent, all.Received = append(all.Sent, b.Sent...), append(all.Received, b.Received...)
		all.Timeline = append(all.Timeline, b.Timeline...)
		all.Details.add(b.Details)
	}
	return all
}
