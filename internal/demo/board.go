package demo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rostrum/internal/peer"
)

// A board is what people read: text that stays, and under it a panel that changes. It is
// safe for several goroutines.
type board struct {
	out Output

	mu    sync.Mutex // guards what follows
	open  bool       // there is text, so that the panel can follow
	panel panel
}

func newBoard(out Output) *board { return &board{out: out, panel: panel{inPlace: out.Terminal}} }

// say writes text, under which the panel starts again.
func (b *board) say(v any, forPeople func(io.Writer)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open, b.panel.drawn, b.panel.drawnAt = true, 0, time.Time{}
	return b.out.Say(v, forPeople)
}

// A view is what the viewer receives of one participant.
type view struct {
	Name string `json:"name"`
	peer.ViewReport
}

// show replaces the line of one participant.
func (b *board) show(v view) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return nil
	}
	return b.out.Say(v, func(w io.Writer) { b.panel.show(w, v) })
}

// A panel shows a line for each participant. On a terminal the lines stay in
// place; elsewhere they are written every ten seconds.
type panel struct {
	inPlace bool
	lines   map[string]string
	drawn   int // lines on the screen
	drawnAt time.Time
}

const panelInterval = 10 * time.Second

func (p *panel) show(w io.Writer, v view) {
	if p.lines == nil {
		p.lines = map[string]string{}
	}
	if v.Event == "summary" { // the participant left
		delete(p.lines, v.Name)
	} else {
		var line strings.Builder
		v.DescribeStatistics(&line)
		p.lines[v.Name] = fmt.Sprintf("  %-8s %s", v.Name, strings.TrimPrefix(line.String(), v.ParticipantID))
	}
	up, clear := "", ""
	if p.inPlace {
		up, clear = fmt.Sprintf("\x1b[%dA", p.drawn), "\x1b[J"
	} else if time.Since(p.drawnAt) < panelInterval || len(p.lines) < len(participants) {
		return
	}
	p.drawnAt = time.Now()
	if p.drawn > 0 {
		fmt.Fprint(w, up, clear)
	}
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		fmt.Fprint(w, p.lines[name])
	}
	p.drawn = len(p.lines)
}
