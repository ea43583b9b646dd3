package main

import (
	"fmt"
	"io"

	"rostrum/internal/config"
)

// configCommands are the commands about the configuration.
type configCommands struct {
	Check configCheckCommand `cmd:"" help:"Check whether rostrum serve would accept this configuration."`
	Print configPrintCommand `cmd:"" help:"Print the settings in effect, as YAML that can be used again."`
}

// configCheckCommand checks a configuration by all rules that serve applies.
type configCheckCommand struct {
	Settings config.Settings `embed:""`
}

// Run fails when serve would refuse to start. A configuration that is not valid has
// failed before, with exit code 2.
func (c *configCheckCommand) Run(out *output) error {
	if err := c.Settings.CheckSafety(); err != nil {
		return err
	}
	return out.print(map[string]bool{"ok": true}, func(w io.Writer) {
		fmt.Fprintln(w, "The configuration is valid.")
	})
}

// configPrintCommand prints the settings in effect and their sources.
type configPrintCommand struct {
	Settings config.Settings `embed:""`
}

// Run prints the settings. Secrets are hidden, so that the output can be shared; the line
// of a hidden one is a comment.
func (c *configPrintCommand) Run(out *output) error {
	all := c.Settings.Effective()
	text, err := config.YAML(all)
	if err != nil {
		return err
	}
	values := map[string]config.Value{}
	for _, x := range all {
		values[x.Key] = x
	}
	return out.print(values, func(w io.Writer) { fmt.Fprint(w, text) })
}
