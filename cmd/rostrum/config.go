package main

import (
	"fmt"
	"io"

	"rostrum/internal/config"
)

// configVerbs groups the verbs about the configuration.
type configVerbs struct {
	Check configCheckVerb `cmd:"" help:"Tell whether rostrum serve would accept this configuration."`
	Print configPrintVerb `cmd:"" help:"Print the configuration in force, as YAML that can be used again."`
}

// configCheckVerb holds a configuration against all rules that serve has.
type configCheckVerb struct {
	Settings config.Settings `embed:""`
}

// Run answers with the exit code: 0 when serve would start, 1 when it would
// refuse, 2 when the configuration can't be understood.
func (v *configCheckVerb) Run(out *output) error {
	if err := v.Settings.CheckSafety(); err != nil {
		return err
	}
	return out.say(map[string]bool{"ok": true}, func(w io.Writer) {
		fmt.Fprintln(w, "The configuration can be used.")
	})
}

// configPrintVerb prints what is in force and where it came from.
type configPrintVerb struct {
	Settings config.Settings `embed:""`
}

// Run prints the settings. Secrets are hidden, so that the output can be shown
// around; where one was hidden, its line is a comment.
func (v *configPrintVerb) Run(out *output) error {
	all := v.Settings.InForce()
	text, err := config.YAML(all)
	if err != nil {
		return err
	}
	values := map[string]config.Value{}
	for _, x := range all {
		values[x.Key] = x
	}
	return out.say(values, func(w io.Writer) { fmt.Fprint(w, text) })
}
