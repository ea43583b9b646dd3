package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// A board is what people read: words that stay, and under them a panel that
// changes. It is for several goroutines.
type board struct {
	out *output

	mu    sync.Mutex // guards what follows
	open  bool       // what there is to see was said; figures come under it
	panel panel
}

func newBoard(out *output) *board {
	b := &board{out: out}
	if screen, ok := out.people.(*os.File); ok {
		b.panel.inPlace = isatty.IsTerminal(screen.Fd())
	}
	return b
}

// say writes words, under which the panel begins anew.
func (b *board) say(v any, forPeople func(io.Writer)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open, b.panel.drawn, b.panel.told = true, 0, time.Time{}
	return b.out.say(v, forPeople)
}

// A view is what the viewer receives of one participant.
type view struct {
	Name string `json:"name"`
	received
}

// figures tells each second what the viewer receives, by name. Once over is closed
// it reads on in silence, so that the viewer can end.
func (b *board) figures(over <-chan struct{}, from io.Reader, names map[string]string) error {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var r received
		if ended(over) || json.Unmarshal(lines.Bytes(), &r) != nil || r.Kind != "video" {
			continue
		}
		if err := b.show(view{names[r.ParticipantID], r}); err != nil {
			return err
		}
	}
	return nil
}

func (b *board) show(v view) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return nil
	}
	return b.out.say(v, func(w io.Writer) { b.panel.show(w, v) })
}

func ended(over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	default:
		return false
	}
}

// A panel shows a line for each participant. On a terminal the lines stay in
// place; elsewhere they are written every ten seconds.
type panel struct {
	inPlace bool
	lines   map[string]string
	drawn   int // lines on the screen
	told    time.Time
}

const panelEvery = 10 * time.Second

func (p *panel) show(w io.Writer, v view) {
	if p.lines == nil {
		p.lines = map[string]string{}
	}
	if v.Event == "summary" { // it left
		delete(p.lines, v.Name)
	} else {
		var line strings.Builder
		v.describeFigures(&line)
		p.lines[v.Name] = fmt.Sprintf("  %-8s %s", v.Name, strings.TrimPrefix(line.String(), v.ParticipantID))
	}
	up, clear := "", ""
	if p.inPlace {
		up, clear = fmt.Sprintf("\x1b[%dA", p.drawn), "\x1b[J"
	} else if time.Since(p.told) < panelEvery || len(p.lines) < len(performers) {
		return
	}
	p.told = time.Now()
	if p.drawn > 0 {
		fmt.Fprint(w, up, clear)
	}
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		fmt.Fprint(w, p.lines[name])
	}
	p.drawn = len(p.lines)
}
