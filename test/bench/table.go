package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"rostrum/internal/loadtest"
)

// A figure is one thing that was measured and, where something was promised, whether
// it held.
type figure struct {
	Case  string  `json:"case"`
	What  string  `json:"what"`
	Seen  float64 `json:"seen"`
	Unit  string  `json:"unit,omitempty"`
	Asked float64 `json:"asked,omitempty"` // 0: nothing is promised
	More  bool    `json:"more,omitempty"`  // asked is the least, not the most
	Held  bool    `json:"held"`
	Note  string  `json:"note,omitempty"`
}

// results are all figures of a run, and the reports they were taken from.
type results struct {
	Machine string                     `json:"machine"`
	Figures []figure                   `json:"figures"`
	Reports map[string]loadtest.Report `json:"reports"`
}

// atMost notes a figure that is to be asked at most; with asked 0 it is only told.
func (r *results) maxRate(where, what string, seen, asked float64, unit, note string) {
	r.Figures = append(r.Figures, figure{where, what, seen, unit, asked, false, asked == 0 || seen <= asked, note})
}

// atLeast is atMost for what is to be asked at least.
func (r *results) atLeast(where, what string, seen, asked float64, unit, note string) {
	r.Figures = append(r.Figures, figure{where, what, seen, unit, asked, true, seen >= asked, note})
}

// report keeps what one measurement saw.
func (r *results) report(name string, rep loadtest.Report) {
	if r.Reports == nil {
		r.Reports = map[string]loadtest.Report{}
	}
	r.Reports[name] = rep
}

// print writes the figures as a table that docs/performance.md can hold.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "| case | | asked for | seen | seen : asked for | |\n|---|---|---|---|---|---|\n")
	for _, f := range r.Figures {
		asked, ratio := "", ""
		if f.Asked != 0 {
			sign := "≤"
			if f.More {
				sign = "≥"
			}
			asked, ratio = sign+" "+amount(f.Asked, f.Unit), fmt.Sprintf("%.2f", f.Seen/f.Asked)
		}
		note := f.Note
		if !f.Held {
			note = strings.TrimSpace("**missed** " + note)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", f.Case, f.What, asked, amount(f.Seen, f.Unit), ratio, note)
	}
	fmt.Fprintf(w, "\n%s\n", r.Machine)
}

// amount writes a number with as many digits as tell something.
func amount(v float64, unit string) string {
	digits := 0
	switch {
	case v != 0 && v < 0.1:
		digits = 4
	case v < 10:
		digits = 2
	case v < 100:
		digits = 1
	}
	if v == float64(int64(v)) {
		digits = 0
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, unit))
}

// save writes the figures as JSON, too, if a path is named.
func (r *results) save(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
