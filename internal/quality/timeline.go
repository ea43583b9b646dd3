package quality

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/stage"
)

// An Entry is one thing that happened to a participant's media.
type Entry struct {
	At          time.Time        `json:"at"` // when it began
	Kind        stage.ChangeKind `json:"kind"`
	PublisherID string           `json:"publisherId,omitempty"` // of what is received; "" for all, and for what is sent
	Duration    int              `json:"durationMs,omitempty"`  // of freezes and waits
	Detail      string           `json:"detail,omitempty"`      // label of the layer, or a reason

	// In answers.
	Text  string `json:"text,omitempty"`  // for people
	Cause *Cause `json:"cause,omitempty"` // the most likely one, of what held media up
}

// The kinds of entries beside those of [stage.ChangeKind]. They are stored.
const (
	entryFreeze       stage.ChangeKind = "freeze"        // as the client reports
	entryKeyframeWait stage.ChangeKind = "keyframe-wait" // as the server measures
)

const (
	maxMinuteEntries = 20  // of a participant; further ones are left out, and layers first
	maxHourEntries   = 120 // once the minutes are joined
	maxTimeline      = 500 // in an answer: the newest

	// minKeyframeWait leaves out the waits that belong to the start of a subscription.
	minKeyframeWait = time.Second
)

// Record implements [stage.Quality].
func (h *History) Record(of stage.Reporter, c stage.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.buffer(of, c.At); b != nil {
		b.addEntry(Entry{At: c.At, Kind: c.Kind, PublisherID: c.PublisherID, Detail: short(c.Detail)})
	}
}

// addEntry adds to the timeline. A wait that goes on is one entry.
func (b *buffer) addEntry(e Entry) {
	e.At = e.At.UTC().Truncate(time.Millisecond)
	if n := len(b.Timeline); n > 0 && e.Duration > 0 {
		last := &b.Timeline[n-1]
		if end := last.end(); last.Kind == e.Kind && e.At.Before(end.Add(time.Second)) {
			last.Duration = max(last.Duration, int(e.end().Sub(last.At)/time.Millisecond))
			return
		}
	}
	of, layer := 0, -1
	for i := range b.Timeline {
		if e.At.Sub(b.Timeline[i].At).Abs() < time.Minute {
			of++
			if b.Timeline[i].Kind == stage.ChangeLayer {
				layer = i
			}
		}
	}
	if of >= maxMinuteEntries {
		if e.Kind == stage.ChangeLayer || layer < 0 {
			return
		}
		b.Timeline = slices.Delete(b.Timeline, layer, layer+1)
	}
	b.Timeline = append(b.Timeline, e)
}

// addFreeze adds what a sample that was just taken says of the picture.
func (b *buffer) addFreeze(kind stage.ChangeKind, ms int, now time.Time) {
	if ms > 0 {
		b.addEntry(Entry{At: now.Add(-time.Duration(ms) * time.Millisecond), Kind: kind, Duration: ms})
	}
}

func (e *Entry) end() time.Time { return e.At.Add(time.Duration(e.Duration) * time.Millisecond) }

// cutTimeline divides entries at a moment. The later ones get memory of their own.
func cutTimeline(all []Entry, at time.Time) (before, after []Entry) {
	for _, e := range all {
		if e.At.Before(at) {
			before = append(before, e)
		} else {
			after = append(after, e)
		}
	}
	return before, after
}

// joinTimeline bounds the entries of an hour. Layers go first.
func joinTimeline(all []Entry) []Entry {
	if len(all) > maxHourEntries {
		all = slices.DeleteFunc(all, func(e Entry) bool { return e.Kind == stage.ChangeLayer })
	}
	return all[max(0, len(all)-maxHourEntries):]
}

// timeline returns the entries of a stretch in the order of time, explained by all samples.
func (q Query) timeline(all []Entry, sent, received []Sample) []Entry {
	chosen := []Entry{}
	for _, e := range all {
		if !e.end().Before(q.From) && e.At.Before(q.To) {
			chosen = append(chosen, e)
		}
	}
	slices.SortStableFunc(chosen, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
	chosen = chosen[max(0, len(chosen)-maxTimeline):]
	for i := range chosen {
		e := &chosen[i]
		e.Text, e.Cause = e.describe(), e.explain(sent, received)
	}
	return chosen
}

// explain finds the most likely cause of what held media up, nil if there is none.
func (e *Entry) explain(sent, received []Sample) *Cause {
	switch e.Kind {
	case entryFreeze, entryKeyframeWait, stage.ChangeLost, stage.ChangeSocketLost:
	default:
		return nil
	}
	around := Query{e.At.Add(-interval), e.end().Add(interval + interval/2)} // a client reports once the picture is back
	switch {
	case e.Kind == stage.ChangeSocketLost:
		sent, received = around.choose(sent), around.choose(received)
	case e.Kind == stage.ChangeLost && e.PublisherID == "":
		sent, received = around.choose(sent), nil
	default:
		sent, received = nil, around.choose(received)
	}
	if causes := Diagnose(sent, received); len(causes) > 0 {
		return &causes[0]
	}
	return nil
}

// describe is an entry for people.
func (e *Entry) describe() string {
	seconds := float64(e.Duration) / 1000
	switch e.Kind {
	case entryFreeze:
		return fmt.Sprintf("The video froze for %.1f s", seconds)
	case entryKeyframeWait:
		return fmt.Sprintf("There was no picture for %.1f s", seconds)
	case stage.ChangeLayer:
		if e.Detail == "" {
			return "The video flows"
		}
		return fmt.Sprintf("The layer %s flows", e.Detail)
	case stage.ChangePaused:
		return "There is no video, because " + cmp.Or(pauses[e.Detail], "of "+e.Detail)
	case stage.ChangeLost:
		what := "The connection to a publisher"
		if e.PublisherID == "" {
			what = "The publication's connection"
		}
		return what + losses[sfu.Cause(e.Detail)]
	case stage.ChangeSocketLost:
		return "The events socket was lost"
	case stage.ChangeReconnected:
		return "Reconnected by " + e.Detail
	}
	return string(e.Kind)
}

var pauses = map[string]string{
	string(sfu.PausedByBandwidth): "the path is too narrow for it",
	string(sfu.PausedByChoice):    "the client wants none",
	string(sfu.PausedNoLayer):     "the publisher sends none",
	string(sfu.PausedNoCodec):     "the client can't decode it",
}

var losses = map[sfu.Cause]string{
	sfu.CauseLost:            " was lost, because nothing came from the client any more",
	sfu.CauseNeverConnected:  " was never made, because the client did not reach the server's media port, or its answers did not reach the client",
	sfu.CauseHandshakeFailed: " was refused, because the DTLS handshake failed",
	sfu.CauseFault:           " ended by a fault of the server",
}
