package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// output is where a command prints.
type output struct {
	stdout io.Writer
	stderr io.Writer
	json   *bool // --json, known once the command line is read
}

// print writes v as one line of JSON for programs, or calls text to write it for people. A
// command that prints repeatedly, such as live statistics, calls it for each item.
func (o *output) print(v any, text func(w io.Writer)) error {
	if !*o.json {
		text(o.stdout)
		return nil
	}
	lines := json.NewEncoder(o.stdout)
	lines.SetEscapeHTML(false) // the output is not HTML
	if err := lines.Encode(v); err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	return nil
}

// isTerminal reports whether people read on a terminal.
func (o *output) isTerminal() bool { return isTerminal(o.stdout) }

func isTerminal(w io.Writer) bool {
	screen, ok := w.(*os.File)
	return ok && isatty.IsTerminal(screen.Fd())
}
