package doctor

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// A State is how serious a finding is.
type State string

const (
	OK      State = "ok"
	Warning State = "warning" // serve works, but not as well as it could
	Broken  State = "broken"  // serve does not start, or clients fail
	Unknown State = "unknown" // it cannot be found out
)

// A Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"` // what to change
}

// Describe writes one line for each finding, and one for its remedy.
func Describe(w io.Writer, all []Finding) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range all {
		fmt.Fprintf(tab, "%s\t%s\t%s\n", f.State, f.Check, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(tab, "\t\t→ %s\n", f.Remedy)
		}
	}
	_ = tab.Flush()
}
