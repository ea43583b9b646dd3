package quality

import (
	"context"
	"slices"
	"time"

	"rostrum/internal/stage"
	"rostrum/internal/store"
)

// An Answer is what happened to the media of a participant between two moments.
type Answer struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Causes   []Cause   `json:"causes"` // the most likely first
	Details  Details   `json:"details"`
	Timeline []Entry   `json:"timeline"`          // in the order of time
	Missing  string    `json:"missing,omitempty"` // why the newest samples are not here
	Sent     []Sample  `json:"sent"`
	Received []Sample  `json:"received"`
}

// A Query selects a stretch of time: without times the last hour that there is.
type Query struct{ From, To time.Time }

// around is how much before and after a moment belongs to it.
const around = 30 * time.Second

// At is the stretch around a moment.
func At(t time.Time) Query { return Query{t.Add(-around), t.Add(around)} }

// maxPoints bounds the samples of one direction in an answer: longer stretches are joined.
const maxPoints = 1500

// Read answers a query.
func (h *History) Read(ctx context.Context, of stage.Reporter, q Query) (*Answer, error) {
	live, missing := h.newestBlock(ctx, of)
	var rows []store.QualityRow
	err := h.store.Read(ctx, func(tx *store.Tx) (err error) {
		if q.To.IsZero() {
			last, err := tx.NewestQuality(of.SessionID, of.ParticipantID)
			if err != nil {
				return err
			}
			q.To = newest(h.unpackRows(last), live)
		}
		if q.From.IsZero() {
			q.From = q.To.Add(-time.Hour)
		}
		rows, err = tx.Quality(of.SessionID, of.ParticipantID, q.From, q.To)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := h.unpackRows(rows)
	all.Details.add(live.Details)
	a := &Answer{From: q.From.UTC(), To: q.To.UTC(), Details: all.Details, Missing: missing}
	all.Sent, all.Received = append(all.Sent, live.Sent...), append(all.Received, live.Received...)
	a.Sent, a.Received = q.choose(all.Sent), q.choose(all.Received)
	a.Timeline = q.timeline(append(all.Timeline, live.Timeline...), all.Sent, all.Received)
	a.Causes = Diagnose(a.Sent, a.Received)
	a.Sent, a.Received = bounded(a.Sent), bounded(a.Received)
	return a, nil
}

// complete returns a copy without the last sample, if its interval is not over and there are
// others: the server's half of it is missing.
func complete(all []Sample) []Sample {
	if n := len(all); n > 1 && all[n-1].At.After(time.Now()) {
		all = all[:n-1]
	}
	return slices.Clone(all)
}

// newest is the end of the latest sample.
func newest(blocks ...Block) (end time.Time) {
	for _, b := range blocks {
		for _, l := range [][]Sample{b.Sent, b.Received} {
			if n := len(l); n > 0 && l[n-1].At.After(end) {
				end = l[n-1].At
			}
		}
	}
	return end
}

// choose returns the samples whose intervals have a part of the stretch. It is never nil.
func (q Query) choose(all []Sample) []Sample {
	slices.SortStableFunc(all, func(a, b Sample) int { return a.At.Compare(b.At) })
	chosen := []Sample{}
	for _, s := range all {
		if s.At.After(q.From) && s.At.Add(-time.Duration(s.Interval)*time.Second).Before(q.To) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func bounded(all []Sample) []Sample {
	for _, step := range []time.Duration{time.Minute, 10 * time.Minute} {
		if len(all) > maxPoints {
			all = downsample(all, step)
		}
	}
	return all
}
