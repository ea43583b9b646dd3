package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// output is where a verb speaks.
type output struct {
	people io.Writer
	log    io.Writer
	json   *bool // --json, known once the command line is read
}

// say writes v as one line of JSON for programs, or lets forPeople write its own
// words. A verb that goes on speaking, such as live statistics, calls it for
// each thing it has to tell.
func (o *output) say(v any, forPeople func(w io.Writer)) error {
	if !*o.json {
		forPeople(o.people)
		return nil
	}
	lines := json.NewEncoder(o.people)
	lines.SetEscapeHTML(false) // it goes to programs and shells, not into pages
	if err := lines.Encode(v); err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	return nil
}
