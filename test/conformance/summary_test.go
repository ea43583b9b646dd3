package conformance

import (
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
)

// A summary counts the steps of each client, by operation and by error.
type summary struct {
	clients []string

	mu    sync.Mutex        // guards what follows
	rows  map[string]*tally // by operation, and by error after them
	order []string
	total tally
}

type tally struct {
	failure        bool           // it counts an error's steps, and not an operation's
	passed, failed map[string]int // by client
}

func newTally() *tally { return &tally{passed: map[string]int{}, failed: map[string]int{}} }

func newSummary(all []client) *summary {
	s := &summary{rows: map[string]*tally{}, total: *newTally()}
	for _, c := range all {
		s.clients = append(s.clients, c.name)
	}
	return s
}

func (s *summary) note(client string, of *step, passed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{of.Call}
	if of.Error != nil {
		names = append(names, of.Error.Name)
	}
	tallies := []*tally{&s.total}
	for i, name := range names {
		if s.rows[name] == nil {
			s.rows[name] = newTally()
			s.rows[name].failure = i > 0
			s.order = append(s.order, name)
		}
		tallies = append(tallies, s.rows[name])
	}
	for _, t := range tallies {
		if passed {
			t.passed[client]++
		} else {
			t.failed[client]++
		}
	}
}

// String is a table: what was called and which errors were met, by client. A
// cell is the number of steps that passed, and of those that failed.
func (s *summary) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\t%s\n", strings.Join(s.clients, "\t"))
	for _, errors := range []bool{false, true} {
		for _, name := range s.order {
			if t := s.rows[name]; t.failure == errors {
				s.row(w, name, t)
			}
		}
	}
	s.row(w, "all steps", &s.total)
	_ = w.Flush()
	passed, failed := 0, 0
	for _, c := range s.clients {
		passed += s.total.passed[c]
		failed += s.total.failed[c]
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed\n", passed, failed)
	return b.String()
}

func (s *summary) row(w *tabwriter.Writer, name string, t *tally) {
	fmt.Fprint(w, name)
	for _, c := range s.clients {
		switch {
		case t.failed[c] > 0:
			fmt.Fprintf(w, "\t%d, %d FAILED", t.passed[c], t.failed[c])
		case t.passed[c] > 0:
			fmt.Fprintf(w, "\t%d", t.passed[c])
		default:
			fmt.Fprint(w, "\t-")
		}
	}
	fmt.Fprintln(w)
}
